import type { KeyObject } from 'node:crypto';
import type { GatewayIdentity } from '../../../transport/index.ts';
import type { ProbeLimits } from '../limits.ts';
import type { Exchange, ProbeCounters, ProbePeer, Refusal, Unanswered } from '../types.ts';

/** What the thread of the socket is started with. */
export interface WorkerSettings {
  own: GatewayIdentity;
  boot: string;
  key: KeyObject;
  listen: { host: string; port: number };
  limits: Partial<ProbeLimits>;
}

export type ToWorker =
  | { type: 'peers'; peers: readonly ProbePeer[] }
  | { type: 'probe'; peer: string; count: number; spacingMs: number };

/** At most as many wait for a busy main thread as it asked for, and one report a second. */
export type FromWorker =
  | { type: 'listening'; port: number }
  | { type: 'listenFailed'; errno: string | undefined; reason: string }
  | { type: 'exchange'; exchange: Exchange }
  | { type: 'unanswered'; unanswered: Unanswered }
  | { type: 'unresolved'; peer: string; host: string; reason: string }
  | { type: 'report'; counters: ProbeCounters; refusals: Refusal[] };
