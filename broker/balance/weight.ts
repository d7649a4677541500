/** What a broker is loaded with, each against its bound. */
export interface Load {
  connections: number;
  connectionsMax: number;
  /** Messages that wait for sessions, and how many could. */
  queued: number;
  queuedMax: number;
  /** Share of the last interval in which the event loop had work, 0 to 1. */
  loopBusy: number;
  /** p99 of the time from a message's arrival to its sync, ms. */
  commitP99Ms: number;
}

/** A disk that takes this long is half loaded. */
const COMMIT_HALF_MS = 100;
/**
 * Weights come in tenths: each change is told to every client. The least is above 0, since a busy broker is still better than
 * none; 0 is for one that drains.
 */
const STEPS = 10;

/**
 * Room for more clients, 0.1 to 1. What is scarcest decides: a broker with an idle disk and a full table of connections has
 * no more room than one with both of them full.
 */
export function weightOf(load: Load): number {
  const used = Math.max(
    load.connections / load.connectionsMax,
    load.queuedMax === 0 ? 0 : load.queued / load.queuedMax,
    load.loopBusy,
    load.commitP99Ms / (load.commitP99Ms + COMMIT_HALF_MS),
  );
  return Math.max(1, Math.round((1 - used) * STEPS)) / STEPS;
}
