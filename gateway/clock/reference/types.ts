import type { ErrorCode } from '../../../core/errors/index.ts';

/** UTC as something outside the mesh tells it. */
export interface ReferenceSample {
  /** When it was so. */
  atMonotonicMs: number;
  /** ms since 1970-01-01 UTC at that moment. */
  utcMs: number;
  /** UTC was within so much of utcMs, if the reference tells the truth. */
  uncertaintyMs: number;
  /** For a person: which server or servers, or what keeps the machine's clock. */
  source: string;
}

export type Unsubscribe = () => void;

/** Where the leader of a site has UTC from. */
export interface TimeReference {
  /** Begins to ask; waits for no answer. Safe twice. */
  start(): Promise<void>;
  /** Safe twice; no sample comes after it. */
  stop(): Promise<void>;
  onSample(listener: (sample: ReferenceSample) => void): Unsubscribe;
  state(): ReferenceState;
}

/** Why there is no time from it now, and what each source says; JSON, for a status page. */
export interface ReferenceState {
  kind: 'ntp' | 'system';
  /** The last one, however old. */
  lastSample?: ReferenceSample;
  /** Of what is followed; an NTP server that follows it stands one below. Absent while there is nothing to follow. */
  stratum?: number;
  fault?: ReferenceFault;
  /** Of an NTP reference, in the order of the configuration. */
  servers: ServerState[];
  /** Datagrams of all servers that gave no sample, by reason. */
  rejected: Record<string, number>;
}

export interface ReferenceFault {
  code: ErrorCode;
  detail: string;
}

/**
 * `starting`: no answer yet. `selected`: followed. `falseticker`: contradicts the majority. `undecided`: fine by itself, but nothing is
 * followed. `kiss`: its last answer was a kiss-o'-death. `refused`: its last answer is of no use. `unreachable`: it does not answer.
 */
export type ServerStatus = 'starting' | 'selected' | 'falseticker' | 'undecided' | 'kiss' | 'refused' | 'unreachable';

export interface ServerState {
  /** host:port as configured. */
  name: string;
  /** IP address and port, once known. */
  address?: string;
  status: ServerStatus;
  /** The last eight polls, the latest in the lowest bit: 1 where it gave a sample. */
  reach: number;
  stratum?: number;
  refid?: string;
  /** UTC by this server minus UTC by what is followed. */
  offsetMs?: number;
  /** Round trip. */
  delayMs?: number;
  /** By so much its time may be wrong if it tells the truth about itself. */
  rootDistanceMs?: number;
  kissCode?: string;
  /** Why it is of no use: a rejection's name, or the system's words. */
  trouble?: string;
  /** Between two requests now. */
  pollMs: number;
  rejected: Record<string, number>;
}
