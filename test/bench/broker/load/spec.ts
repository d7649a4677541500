/** What one run of the load generator does. */
export interface LoadSpec {
  /** Where publishers connect, and where subscribers do. On one broker they are the same. */
  publishPort: number;
  subscribePort: number;
  username: string;
  password: string;
  publishers: number;
  /**
   * Messages that one publisher may have under way: unacknowledged at QoS 1, not yet taken by its socket at QoS 0, which
   * has no acknowledgement.
   */
  window: number;
  topicsPerPublisher: number;
  /** Every subscriber gets every message. */
  subscribers: number;
  qos: 0 | 1;
  payloadBytes: number;
  shape: { kind: 'steady'; warmUpMs: number; measureMs: number } | { kind: 'backlog'; messages: number };
  /** Processes whose processor time and memory are measured. */
  pids: readonly number[];
  seed: string;
}

export interface LoadResult {
  published: number;
  delivered: number;
  /** Published and not delivered to a subscriber, summed over subscribers; below 0 when more came twice than were lost. */
  lost: number;
  /** Deliveries of the measured part, and how long it took. */
  measured: number;
  measuredMs: number;
  /** Of the measured part, from just before the write to just after the read. */
  latencyMs: { p50: number; p99: number };
  /** Processor time of the processes in the measured part, user and system. */
  cpuMs: number;
  /** Resident memory of the processes together, the most that was seen. */
  residentBytesMax: number;
  /** Cores that the processes used in the measured part, and the generator. */
  brokersBusy: number;
  generatorBusy: number;
  /** Cores that other programs used in the measured part: above some hundredths, the figures are too low. */
  foreignBusy: number;
  /** From the beginning of the measured part to the first delivery in it; of interest for a backlog. */
  firstMs: number;
}

/** From the generator: 'ready' once messages reach every subscriber, 'published' once a backlog is acknowledged. */
export type FromLoad =
  | { type: 'ready' }
  | { type: 'published' }
  | { type: 'result'; result: LoadResult }
  | { type: 'failed'; reason: string };
/** To it: 'go' answers 'ready' and 'published'. */
export type ToLoad = { type: 'run'; spec: LoadSpec } | { type: 'go' };
