export {
  type NtpReferenceConfig,
  ntpReferenceSchema,
  type ReferenceConfig,
  referenceSchema,
  type SystemReferenceConfig,
  systemReferenceSchema,
} from './config.ts';
export { type Agreement, agreementOf, type Interval } from './intersection.ts';
export { NtpReference, type NtpReferenceOptions } from './ntp-reference.ts';
export { SystemReference, type SystemReferenceOptions } from './system-reference.ts';
export type {
  ReferenceFault,
  ReferenceSample,
  ReferenceState,
  ServerState,
  ServerStatus,
  TimeReference,
  Unsubscribe,
} from './types.ts';
