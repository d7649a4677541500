import {
  FOLLOWER_DEFAULTS,
  type FollowerCounts,
  type FollowerEvent,
  type FollowerNote,
  type FollowerOptions,
  type MeshTime,
  type SlewedClock,
  type TimeAnswer,
  TimeFollower,
  type TimeKind,
  type TimeQuestion,
} from '../mesh-time/index.ts';
import type { Random } from '../random/index.ts';
import type { Clock, Timer } from '../time/index.ts';

export interface FollowedClockOptions {
  /** The machine's own. */
  clock: Clock;
  random: Random;
  servers: readonly string[];
  /** Sends a question, at once or not at all. */
  ask: (server: string, question: TimeQuestion) => void;
  onNote?: ((note: FollowerNote) => void) | undefined;
  follower?: Partial<Omit<FollowerOptions, 'servers'>>;
}

/**
 * A clock whose wall time is the mesh's, once it is synchronised, and the machine's before; monotonic time and timers are the machine's
 * always. It jumps when it is first synchronised, and only forwards from then on. Whoever carries questions and answers calls `answered`
 * and `malformed`.
 */
export class FollowedClock implements Clock {
  readonly #options: FollowedClockOptions;
  readonly #follower: TimeFollower;
  #timer: Timer | undefined;
  #isRunning = false;

  constructor(options: FollowedClockOptions) {
    this.#options = options;
    const { clock, servers, random } = options;
    this.#follower = new TimeFollower(
      { ...FOLLOWER_DEFAULTS, ...options.follower, servers },
      { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs(), random },
    );
  }

  /** Begins to ask, with a burst; once more when there is a way to the servers that was not there before. */
  start(): void {
    this.#isRunning = true;
    this.#step({ type: 'reachable' });
  }

  /** Asks no more, and goes on by what it knows. Safe twice. */
  stop(): void {
    this.#isRunning = false;
    this.#timer?.cancel();
  }

  monotonicMs(): number {
    return this.#options.clock.monotonicMs();
  }

  /** Whole ms, as of the machine's clock; `now` has the fractions. */
  wallMs(): number {
    const { clock } = this.#options;
    return this.#follower.isSynchronised ? Math.floor(this.#follower.at(clock.monotonicMs()).ms) : clock.wallMs();
  }

  setTimer(delayMs: number, callback: () => void): Timer {
    return this.#options.clock.setTimer(delayMs, callback);
  }

  /** How far wallMs may be wrong; infinite before it is synchronised. */
  uncertaintyMs(): number {
    return this.now().uncertaintyMs;
  }

  /** Mesh time; of kind `none` before it is synchronised. */
  now(): MeshTime & { kind: TimeKind } {
    return this.at(this.monotonicMs());
  }

  /** The same at a moment that has just passed, as that at which a datagram came. */
  at(monotonicMs: number): MeshTime & { kind: TimeKind } {
    return { ...this.#follower.at(monotonicMs), kind: this.#follower.kind };
  }

  get isSynchronised(): boolean {
    return this.#follower.isSynchronised;
  }

  /** The clock that is steered, for its target and the quality of that. */
  get slewed(): SlewedClock {
    return this.#follower.clock;
  }

  get counts(): FollowerCounts {
    return this.#follower.counts;
  }

  get serverId(): string | undefined {
    return this.#follower.serverId;
  }

  /** An answer came in at receivedMs of monotonic time. */
  answered(answer: TimeAnswer, receivedMs: number): void {
    this.#step({ type: 'answer', answer, receivedMs });
  }

  malformed(): void {
    this.#step({ type: 'malformed' });
  }

  #step(event: FollowerEvent): void {
    if (!this.#isRunning) return;
    const { ask, onNote } = this.#options;
    for (const effect of this.#follower.step(event, this.monotonicMs())) {
      if (effect.type === 'ask') ask(effect.server, effect.question);
      else onNote?.(effect.note);
    }
    this.#timer?.cancel();
    const delayMs = Math.max(0, this.#follower.nextDueMs - this.monotonicMs());
    this.#timer = this.#options.clock.setTimer(delayMs, () => this.#step({ type: 'tick' }));
  }
}
