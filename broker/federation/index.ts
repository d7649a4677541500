export { createFederation, type FederationConfig, type FederationOptions, type LinkFederation } from './federation.ts';
export type { LinkLimits } from './limits.ts';
export type { LinkPeer } from './link.ts';
export type {
  BatchSource,
  Cluster,
  FederatedMessage,
  Federation,
  FederationPort,
  RetainedEntry,
  ShareTarget,
} from './port.ts';
export { type LinkAddress, linkAddressSchema, linkTlsSchema } from './transport/index.ts';
