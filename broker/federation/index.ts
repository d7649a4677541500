export {
  createFederation,
  type FederationConfig,
  type FederationOptions,
  type LinkFederation,
} from './federation.ts';
export type { LinkLimits } from './limits.ts';
export type { PeerAddress } from './link.ts';
export type { FederatedMessage, Federation, FederationPort, LinkSource, RetainedEntry } from './port.ts';
