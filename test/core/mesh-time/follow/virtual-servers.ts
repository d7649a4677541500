import {
  FOLLOWER_DEFAULTS,
  type FollowerEffect,
  type FollowerEvent,
  type FollowerNote,
  type FollowerOptions,
  type TimeAnswer,
  TimeFollower,
  type TimeQuestion,
} from '../../../../core/mesh-time/index.ts';
import { type Random, seededRandom } from '../../../../core/random/index.ts';

/** True time when the device started, in ms since 1970. */
export const START_MS = 1_763_800_000_000.125;

export interface VirtualServer {
  isUp: boolean;
  /** What its clock is ahead of the truth; at most what it says it does not know. */
  aheadMs: number;
  uncertaintyMs: number;
  kind: TimeAnswer['kind'];
}

export interface World {
  seed: string | number;
  /** How much faster than the truth the device's monotonic clock goes. */
  ppm: number;
  outMs: number;
  backMs: number;
  jitterMs: number;
  loss: number;
  servers: Record<string, Partial<VirtualServer>>;
  options: Partial<FollowerOptions>;
  /** What the machine's wall clock says at the start. */
  wallMs: number;
}

interface Arrival {
  trueMs: number;
  order: number;
  deliver: () => void;
}

const QUIET: World = {
  ...{ seed: 1, ppm: 0, outMs: 1, backMs: 1, jitterMs: 0, loss: 0, servers: { a: {} }, options: {}, wallMs: 0 },
};

/** A follower on a device whose clock drifts, on a network that delays and loses, in true time. */
export class VirtualServers {
  readonly follower: TimeFollower;
  readonly servers: Record<string, VirtualServer>;
  readonly notes: FollowerNote[] = [];
  readonly asked: { server: string; question: TimeQuestion; trueMs: number }[] = [];
  readonly answers: TimeAnswer[] = [];
  readonly #world: World;
  readonly #random: Random;
  #arrivals: Arrival[] = [];
  #order = 0;
  /** Ms of true time since the device started. */
  trueMs = 0;

  constructor(world: Partial<World> = {}) {
    this.#world = { ...QUIET, ...world };
    const { seed, servers, options, wallMs } = this.#world;
    this.#random = seededRandom(seed);
    const healthy = { isUp: true, aheadMs: 0, uncertaintyMs: 0, kind: 'absolute' as const };
    this.servers = Object.fromEntries(Object.entries(servers).map(([name, it]) => [name, { ...healthy, ...it }]));
    const names = Object.keys(servers);
    this.follower = new TimeFollower(
      { ...FOLLOWER_DEFAULTS, servers: names, ...options },
      { monotonicMs: 0, wallMs, random: this.#random.fork('follower') },
    );
  }

  monotonicAt(trueMs: number): number {
    return trueMs * (1 + this.#world.ppm * 1e-6);
  }

  get nowMs(): number {
    return this.monotonicAt(this.trueMs);
  }

  /** What the follower's clock is ahead of the truth now, and whether that is within what it says. */
  error(): { errorMs: number; uncertaintyMs: number } {
    const { ms, uncertaintyMs } = this.follower.at(this.nowMs);
    return { errorMs: ms - START_MS - this.trueMs, uncertaintyMs };
  }

  /** Runs on; `look` is called after everything that happens. */
  run(forMs: number, look: () => void = () => {}): void {
    const endMs = this.trueMs + forMs;
    for (;;) {
      const dueMs = this.follower.nextDueMs / (1 + this.#world.ppm * 1e-6);
      const [arrival] = this.#arrivals;
      const nextMs = Math.min(Math.max(dueMs, this.trueMs), arrival?.trueMs ?? Number.POSITIVE_INFINITY);
      if (nextMs > endMs) break;
      this.trueMs = nextMs;
      if (arrival !== undefined && arrival.trueMs <= nextMs) {
        this.#arrivals.shift();
        arrival.deliver();
      } else {
        // Rounding must not keep a tick from being due.
        this.take({ type: 'tick' }, Math.max(this.nowMs, this.follower.nextDueMs));
      }
      look();
    }
    this.trueMs = endMs;
  }

  take(event: FollowerEvent, nowMs = this.nowMs): void {
    for (const effect of this.follower.step(event, nowMs)) this.#carryOut(effect);
  }

  answer(answer: TimeAnswer): void {
    this.take({ type: 'answer', answer, receivedMs: this.nowMs });
  }

  #carryOut(effect: FollowerEffect): void {
    if (effect.type === 'note') {
      this.notes.push(effect.note);
      return;
    }
    const { server, question } = effect;
    this.asked.push({ server, question, trueMs: this.trueMs });
    const { outMs, backMs } = this.#world;
    this.#carry(outMs, () => {
      const asked = this.servers[server];
      if (asked === undefined || !asked.isUp) return;
      const { aheadMs, uncertaintyMs, kind } = asked;
      const t2Ms = START_MS + this.trueMs + aheadMs;
      const answer = { ...question, t2Ms, t3Ms: t2Ms, uncertaintyMs, kind, serverId: server };
      this.#carry(backMs, () => {
        this.answers.push(answer);
        this.answer(answer);
      });
    });
  }

  #carry(delayMs: number, deliver: () => void): void {
    const { jitterMs, loss } = this.#world;
    if (this.#random.next() < loss) return;
    const trueMs = this.trueMs + delayMs - Math.log(1 - this.#random.next()) * jitterMs;
    this.#arrivals.push({ trueMs, order: this.#order++, deliver });
    this.#arrivals.sort((a, b) => a.trueMs - b.trueMs || a.order - b.order);
  }
}
