import type { Logger } from 'pino';
import type { FencingToken } from '../../core/wire/index.ts';

/** What the leader of a site does again and again. */
export interface Job {
  name: string;
  /** A cron expression in UTC. */
  schedule: string;
  /**
   * One run. Resolves with what people are told of it; ends soon after the signal has aborted. It may come twice for one time
   * when the lead changes during it, so it must bear that; and what it writes carries the token.
   */
  run(context: JobContext): Promise<string | undefined>;
}

export interface JobContext {
  fence: FencingToken;
  /** Aborts when this gateway leads no more. */
  signal: AbortSignal;
  log: Logger;
}

/** Since the start of this gateway. */
export interface JobCounters {
  succeeded: number;
  failed: number;
  /** Runs that ended with the lead; the next leader makes them up. */
  cutShort: number;
  /** Times at which the run before had not ended, and which passed without one. */
  overlapped: number;
  /** Runs for a time that had passed under another leader, or under none. */
  madeUp: number;
  /** Runs that were not begun or not entered, since a later leader was there. */
  fenced: number;
}
