export { type AgreementConfig, agreementSchema } from './config.ts';
export { openAgreement } from './open.ts';
export type { AgreementOptions } from './raft-agreement.ts';
export type { Agreement } from './types.ts';
