export type { CarriedProbesOptions, Carrier } from './carried-probes.ts';
export { addCounters, noCounters } from './counters.ts';
export type { ProbeEndOptions } from './driver.ts';
export { PROBE_LIMITS, type ProbeLimits } from './limits.ts';
export { MqttProbes, type MqttProbesOptions } from './mqtt-probes.ts';
export { randomToken } from './packet.ts';
export { type PathState, ProbePaths, type ProbePathsOptions } from './probe-paths.ts';
export { ProbeSocket, type ProbeSocketOptions } from './socket/index.ts';
export { TransportProbes, type TransportProbesOptions } from './transport-probes.ts';
export {
  type Exchange,
  type ExchangeListener,
  PROBE_PATHS,
  type ProbeCounters,
  type ProbePathName,
  type ProbePeer,
  type ProbeSource,
  REFUSAL_REASONS,
  type Refusal,
  type RefusalReason,
  type Unanswered,
  type UnansweredListener,
} from './types.ts';
