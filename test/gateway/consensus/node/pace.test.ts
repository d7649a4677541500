import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { Pace } from '../../../../gateway/consensus/node/pace.ts';

const TICK_MS = 15;
const ELECTION_TICKS = 10;
const HEARTBEAT_MS = 30;

/** A follower whose ticks end in time, from 0 ms on. */
class Follower {
  readonly pace = new Pace(TICK_MS, ELECTION_TICKS);
  #tickMs: number;
  #tickEndMs: number;
  #nowMs = 0;

  constructor() {
    this.#tickMs = this.pace.beginTick(false, 0);
    this.#tickEndMs = this.#tickMs;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** The shortest that it waits for its leader before it stands. */
  get electionMs(): number {
    this.#wait(this.#tickEndMs - this.#nowMs);
    return this.#tickMs * ELECTION_TICKS;
  }

  /** Hears of its leader after this much of silence. */
  hears(silenceMs: number, { term = 2, from = 1, isReplaced = false } = {}): this {
    this.#wait(silenceMs);
    this.pace.heard({ type: 'MsgHeartbeat', term, from }, term + Number(isReplaced), this.#nowMs);
    return this;
  }

  hearsOften(forMs: number): this {
    for (const endMs = this.#nowMs + forMs; this.#nowMs < endMs; ) this.hears(HEARTBEAT_MS);
    return this;
  }

  /** Its event loop is blocked. */
  stalls(forMs: number): this {
    this.#nowMs += forMs;
    return this;
  }

  #wait(forMs: number): void {
    const endMs = this.#nowMs + forMs;
    while (this.#tickEndMs <= endMs) {
      this.#nowMs = Math.max(this.#nowMs, this.#tickEndMs);
      this.#tickMs = this.pace.beginTick(false, this.#nowMs);
      this.#tickEndMs = this.#nowMs + this.#tickMs;
    }
    this.#nowMs = endMs;
  }
}

const CONFIGURED_MS = TICK_MS * ELECTION_TICKS;

describe('the pace of a follower', () => {
  test('is that of the configuration while its leader is heard of often', () => {
    expect(new Follower().hearsOften(1_000).electionMs).toBe(CONFIGURED_MS);
  });

  test('leaves three times the second longest silence of a leader that lived before an election', () => {
    const { electionMs } = new Follower().hears(0).hears(100).hears(130);
    expect(Math.abs(electionMs - 300)).toBeLessThan(10);
  });

  test('is not changed by a single hiccup, however long', () => {
    expect(new Follower().hearsOften(500).hears(2_000).hearsOften(100).electionMs).toBe(CONFIGURED_MS);
  });

  test('is stretched no more than twenty times', () => {
    expect(new Follower().hears(0).hears(10_000).hears(10_000).electionMs).toBe(20 * CONFIGURED_MS);
  });

  test('does not count the silence before another leader, or another term', () => {
    const follower = new Follower().hears(0);
    for (const term of [3, 4, 5]) follower.hears(5_000, { term, from: 2 });
    expect(follower.electionMs).toBe(CONFIGURED_MS);
  });

  test('does not count the silence before a leader that was replaced learns of it', () => {
    const follower = new Follower().hears(0);
    for (let nth = 0; nth < 3; nth++) follower.hears(1_000, { isReplaced: true });
    expect(follower.electionMs).toBe(CONFIGURED_MS);
  });

  test('does not count the time for which it was held up itself', () => {
    const follower = new Follower().hears(0);
    for (let nth = 0; nth < 20; nth++) follower.stalls(400).hears(HEARTBEAT_MS);
    expect(follower.electionMs).toBe(CONFIGURED_MS);
  });

  test('forgets half of a silence in five seconds, and all that matters in half a minute', () => {
    const follower = new Follower().hears(0).hears(400).hears(400);
    const { electionMs } = follower;
    expect(electionMs).toBeGreaterThan(1_100);
    expect(Math.abs(follower.hearsOften(5_000).electionMs / electionMs - 0.5)).toBeLessThan(0.05);
    expect(follower.hearsOften(25_000).electionMs).toBe(CONFIGURED_MS);
  });

  test('is longer than any silence of a leader that is blocked for up to 200 ms, half of the time', () => {
    const random = seededRandom('blocked');
    const follower = new Follower().hears(0);
    const draw = (): number => 10 + 190 * random.next();
    let missed = 0;
    while (follower.nowMs < 600_000) {
      const blockedMs = draw();
      // Two more turns of the event loop until the next heartbeat.
      const silenceMs = blockedMs + HEARTBEAT_MS;
      if (follower.nowMs > 5_000 && silenceMs >= follower.electionMs) missed += 1;
      follower.hears(silenceMs).hearsOften(draw());
    }
    expect(missed).toBe(0);
  });

  test('is not the pace of a leader, which has to be heard', () => {
    const { pace, nowMs } = new Follower().hears(0).hears(500).hears(500);
    expect(pace.beginTick(true, nowMs)).toBe(TICK_MS);
  });
});
