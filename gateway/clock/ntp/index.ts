export {
  ASSOCIATION_DEFAULTS,
  Association,
  type AssociationOptions,
  type NtpEstimate,
  type Reception,
  type Rejection,
} from './association.ts';
export type { NtpSample } from './clock-filter.ts';
export { RATE_LIMITS, type RateLimits } from './rate-limit.ts';
export type { MeshReading } from './responder.ts';
export { NtpServer, type NtpServerCounters, type NtpServerOptions } from './server.ts';
