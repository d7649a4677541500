import type { Random } from '../random/index.ts';
import { type Clock, delay, type Timer } from '../time/index.ts';
import { parseBrokerList } from '../wire/index.ts';
import { backoffMs } from './backoff.ts';
import { BrokerChoice, type LeaveReason } from './broker-choice.ts';

export interface RoamingOptions {
  /** The addresses in the client's configuration. */
  brokers: readonly string[];
  /** Which of them is the client's own broker. Left out: none is, and the first try is at any. */
  ownBroker?: number | undefined;
  /**
   * How long a broker that is lost is tried alone, ms. For clients whose unread messages wait there: a broker that is
   * started again is back sooner than its sessions could follow them. Default 0.
   */
  patienceMs?: number;
  clock: Clock;
  random: Random;
  /** It is this client's turn to leave its broker: that one drains, or the client's own is back. */
  onLeave: () => void;
}

/** How a try to connect, or a connection, came to its end. */
export type ConnectionEnd =
  /** There was no connection, or there was one and it broke. */
  | 'failed'
  /** The broker is there and takes no clients (CONNACK 3). */
  | 'turnedAway'
  /** The client left for another broker. */
  | 'left';

/** A connection that lasted this long was a good one, and the wait before the next attempt is short again. */
const STABLE_MS = 5_000;
/**
 * How long after the reason came up the first clients leave, and over what time they are spread. A broker that drains gives
 * them longer; one that is back should have shown for a while that it stays.
 */
const LEAVE: Record<LeaveReason, { firstMs: number; spreadMs: number }> = {
  draining: { firstMs: 0, spreadMs: 2_000 },
  ownIsBack: { firstMs: 10_000, spreadMs: 30_000 },
};

/** Where a client connects next, and when: for clients that keep one connection to one of several brokers. */
export class Roaming {
  readonly #options: RoamingOptions;
  readonly #choice: BrokerChoice;
  /** The broker that is tried alone for a while. */
  #home: string | undefined;
  #awaySinceMs: number;
  #upSinceMs: number | undefined;
  #present: string | undefined;
  #failures = 0;
  #waitMs = 0;
  #leaveTimer: Timer | undefined;
  #leaveReason: LeaveReason | undefined;

  constructor(options: RoamingOptions) {
    const { brokers, ownBroker, clock, random } = options;
    this.#options = options;
    this.#choice = new BrokerChoice({ configured: brokers, own: ownBroker, random });
    this.#home = ownBroker === undefined ? undefined : brokers[ownBroker];
    this.#awaySinceMs = clock.monotonicMs();
  }

  /** Resolves when the next attempt is due, or when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return this.#waitMs > 0 ? delay(this.#options.clock, this.#waitMs, signal) : Promise.resolve();
  }

  /** The address of the next attempt. */
  next(): string {
    const { clock, patienceMs = 0 } = this.#options;
    if (this.#home !== undefined && clock.monotonicMs() - this.#awaySinceMs < patienceMs) return this.#home;
    return this.#choice.next();
  }

  /** The attempt at this address led to a connection. */
  connected(url: string): void {
    this.#choice.connected(url);
    this.#present = url;
    this.#home = url;
    this.#upSinceMs = this.#options.clock.monotonicMs();
  }

  /** A message came under BROKERS_TOPIC. What is no list is left alone: another maker's broker may have its own ideas. */
  takeList(payload: Uint8Array): void {
    const list = parseBrokerList(payload);
    if (list === undefined || this.#present === undefined) return;
    this.#choice.learn(this.#present, list);
    const reason = this.#choice.leaveReason(this.#present);
    if (reason === this.#leaveReason) return;
    this.stop();
    if (reason === undefined) return;
    const { clock, random, onLeave } = this.#options;
    const { firstMs, spreadMs } = LEAVE[reason];
    this.#leaveReason = reason;
    this.#leaveTimer = clock.setTimer(firstMs + random.next() * spreadMs, onLeave);
  }

  /** The attempt, or the connection that it led to, is over. */
  ended(end: ConnectionEnd): void {
    const { clock, random } = this.#options;
    const nowMs = clock.monotonicMs();
    this.stop();
    const wasGood = this.#upSinceMs !== undefined && nowMs - this.#upSinceMs >= STABLE_MS;
    if (this.#upSinceMs !== undefined) this.#awaySinceMs = nowMs;
    this.#upSinceMs = undefined;
    this.#present = undefined;
    if (end !== 'failed') this.#home = undefined;
    if (wasGood || end === 'left') this.#failures = 0;
    // All brokers get their turn before the wait grows. A client that has left waits too: what it published there crosses
    // the links meanwhile, and is not overtaken by what it publishes elsewhere.
    this.#waitMs = backoffMs(Math.floor(this.#failures++ / this.#choice.size), random);
  }

  /** Ends the wait for its turn to leave. Safe twice. */
  stop(): void {
    this.#leaveTimer?.cancel();
    this.#leaveTimer = undefined;
    this.#leaveReason = undefined;
  }
}
