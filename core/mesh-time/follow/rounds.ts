import type { Random } from '../../random/index.ts';
import type { FollowerOptions } from './options.ts';

/** How a round ended: with answers that tell the time, with answers of servers that have none, or without any. */
export type RoundOutcome = 'well' | 'unready' | 'silent';

/**
 * When a follower asks, and whom: rounds of a few questions each, the interval between rounds growing while all is well. Who was silent for
 * a round is left for the next server at once; when all were, rounds come less and less often too.
 */
export class Rounds {
  readonly #options: FollowerOptions;
  readonly #random: Random;
  #server = 0;
  #asksLeft: number;
  #dueMs: number;
  #intervalMs: number;
  #outcome: RoundOutcome = 'silent';
  #unanswered = 0;
  #silentInRow = 0;

  constructor(options: FollowerOptions, random: Random, nowMs: number) {
    this.#options = options;
    this.#random = random;
    this.#intervalMs = options.intervalMsMin;
    this.#asksLeft = options.asksAtStart;
    this.#dueMs = nowMs;
  }

  /** When `next` wants to be called. */
  get dueMs(): number {
    return this.#dueMs;
  }

  get server(): string {
    return this.#options.servers[this.#server] as string;
  }

  /** Begins a round now: there is a way to the servers that was not there before. */
  restart(nowMs: number): void {
    this.#silentInRow = 0;
    this.#intervalMs = this.#options.intervalMsMin;
    this.#begin(this.#options.asksAtStart, nowMs);
  }

  /** What is due: a question to `server`, or the end of a round, whose silence has changed the server already. */
  next(nowMs: number): 'ask' | RoundOutcome | undefined {
    if (nowMs < this.#dueMs) return undefined;
    if (this.#asksLeft === 0) return this.#end(nowMs);
    this.#asksLeft -= 1;
    this.#unanswered += 1;
    const { spacingMs, answerTimeoutMs } = this.#options;
    this.#dueMs = nowMs + (this.#asksLeft > 0 ? spacingMs : answerTimeoutMs);
    return 'ask';
  }

  /** An answer to a question of whatever round came in. When it was the last that was missing, the round ends with the next `next`. */
  answered(hasTime: boolean, nowMs: number): void {
    if (hasTime) this.#outcome = 'well';
    else if (this.#outcome === 'silent') this.#outcome = 'unready';
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    if (this.#asksLeft === 0 && this.#unanswered === 0) this.#dueMs = Math.min(this.#dueMs, nowMs);
  }

  /** Asks often again: what was learnt is in doubt. */
  doubt(): void {
    this.#intervalMs = this.#options.intervalMsMin;
  }

  #end(nowMs: number): RoundOutcome {
    const { servers, asksPerRound, intervalMsMin, intervalMsMax, silentIntervalMsMax } = this.#options;
    const outcome = this.#outcome;
    const wasWellBefore = this.#silentInRow === 0;
    this.#silentInRow = outcome === 'silent' ? this.#silentInRow + 1 : 0;
    if (outcome !== 'well') this.#server = (this.#server + 1) % servers.length;
    if (outcome === 'unready' || (outcome === 'silent' && wasWellBefore)) this.#intervalMs = intervalMsMin;
    const isAnotherLeft = outcome === 'silent' && this.#silentInRow % servers.length !== 0;
    this.#begin(asksPerRound, nowMs + (isAnotherLeft ? 0 : this.#jittered(this.#intervalMs)));
    const longestMs = outcome === 'silent' ? silentIntervalMsMax : intervalMsMax;
    if (!isAnotherLeft) this.#intervalMs = Math.min(longestMs, this.#intervalMs * 2);
    return outcome;
  }

  #begin(asks: number, atMs: number): void {
    this.#asksLeft = asks;
    this.#unanswered = 0;
    this.#outcome = 'silent';
    this.#dueMs = atMs;
  }

  #jittered(intervalMs: number): number {
    return intervalMs * (1 + this.#options.jitter * (2 * this.#random.next() - 1));
  }
}
