import type { Random } from '../../random/index.ts';
import { type Estimate, LineTracker } from '../line-tracker.ts';
import { type MeshTime, type Quality, SlewedClock, type TimeKind } from '../slewed-clock.ts';
import type { TimeAnswer, TimeQuestion } from './messages.ts';
import { DEVICE_WANDER_PPM_PER_S, type FollowerOptions } from './options.ts';
import { type RoundOutcome, Rounds } from './rounds.ts';

/*
 * Follows the mesh's time as a client of the gateways (Cristian 1989): it asks one of them in rounds, keeps for each direction the bounds of
 * the quickest messages (see LineTracker), and steers a clock of its own along the line that they allow. The clock is set once, when the first
 * round has been answered, and goes by its rate from then on; only when it is far behind, since the machine slept, it is set
 * forwards. It never goes backwards.
 *
 * Answers are told apart by the id of their question, which only who was asked has seen: a second one, or one to a question that was never
 * asked, is counted and changes nothing. Whether an answer is a gateway's is settled before: by the rights of the broker over
 * MQTT, by an HMAC over UDP.
 */

export type FollowerEvent =
  | { type: 'tick' }
  /** There is a way to the servers that was not there before. */
  | { type: 'reachable' }
  /** receivedMs: when it came in, by the monotonic clock. */
  | { type: 'answer'; answer: TimeAnswer; receivedMs: number }
  /** Something came in that is no answer, or whose sender could not be believed. */
  | { type: 'malformed' };

export type FollowerEffect =
  /** To be sent at once: its t1 is now. */
  { type: 'ask'; server: string; question: TimeQuestion } | { type: 'note'; note: FollowerNote };

export type FollowerNote =
  | { kind: 'synchronised'; serverId: string; steppedByMs: number }
  | { kind: 'setForwards'; serverId: string; byMs: number }
  | { kind: 'silent'; server: string }
  | { kind: 'heardAgain'; serverId: string };

export interface FollowerCounts {
  asked: number;
  answered: number;
  /** Answers to no question of ours, or to one of long ago. */
  unasked: number;
  /** Answers to a question that was answered before. */
  replayed: number;
  malformed: number;
  /** Answers whose times cannot be. */
  impossible: number;
  /** Answers of servers that have no mesh time themselves. */
  unready: number;
}

interface Asked {
  t1Ms: number;
  isAnswered: boolean;
}

const QUESTIONS_REMEMBERED_MAX = 64;

export class TimeFollower {
  readonly clock: SlewedClock;
  readonly #options: FollowerOptions;
  readonly #random: Random;
  readonly #tracker: LineTracker;
  readonly #rounds: Rounds;
  /** By id, in the order of asking; at the bound the oldest is forgotten, and an answer to it counts as unasked. */
  readonly #questions = new Map<string, Asked>();
  readonly #counts = { asked: 0, answered: 0, unasked: 0, replayed: 0, malformed: 0, impossible: 0, unready: 0 };
  #last: TimeAnswer | undefined;
  #isSilent = false;
  #contradictions = 0;
  #effects: FollowerEffect[] = [];

  constructor(options: FollowerOptions, start: { monotonicMs: number; wallMs: number; random: Random }) {
    this.#options = options;
    this.#random = start.random;
    this.clock = new SlewedClock(start, options.slew);
    this.#tracker = new LineTracker(options.tracker);
    this.#rounds = new Rounds(options, start.random, start.monotonicMs);
  }

  /** When it wants its next tick. */
  get nextDueMs(): number {
    return this.#rounds.dueMs;
  }

  get kind(): TimeKind {
    return this.clock.kind;
  }

  get isSynchronised(): boolean {
    return this.clock.kind !== 'none';
  }

  /** Who told the time last. */
  get serverId(): string | undefined {
    return this.#last?.serverId;
  }

  get counts(): FollowerCounts {
    return { ...this.#counts };
  }

  at(monotonicMs: number): MeshTime {
    return this.clock.at(monotonicMs);
  }

  step(event: FollowerEvent, nowMs: number): FollowerEffect[] {
    this.#effects = [];
    switch (event.type) {
      case 'reachable':
        this.#rounds.restart(nowMs);
        break;
      case 'answer':
        this.#take(event.answer, event.receivedMs);
        break;
      case 'malformed':
        this.#counts.malformed += 1;
        break;
      case 'tick':
        break;
    }
    this.#proceed(nowMs);
    return this.#effects;
  }

  #proceed(nowMs: number): void {
    const { server } = this.#rounds;
    const due = this.#rounds.next(nowMs);
    if (due === 'ask') this.#ask(server, nowMs);
    else if (due !== undefined) this.#endRound(due, server, nowMs);
  }

  #ask(server: string, nowMs: number): void {
    const question: TimeQuestion = { id: this.#newId(), t1Ms: nowMs };
    const [oldest] = this.#questions.keys();
    if (this.#questions.size >= QUESTIONS_REMEMBERED_MAX && oldest !== undefined) this.#questions.delete(oldest);
    this.#questions.set(question.id, { t1Ms: nowMs, isAnswered: false });
    this.#counts.asked += 1;
    this.#effects.push({ type: 'ask', server, question });
  }

  #take(answer: TimeAnswer, receivedMs: number): void {
    const asked = this.#questions.get(answer.id);
    if (asked === undefined) {
      this.#counts.unasked += 1;
      return;
    }
    if (asked.isAnswered) {
      this.#counts.replayed += 1;
      return;
    }
    asked.isAnswered = true;
    const { t1Ms, t2Ms, t3Ms, uncertaintyMs } = answer;
    if (answer.kind === 'none' || !Number.isFinite(uncertaintyMs)) {
      this.#counts.unready += 1;
      this.#rounds.answered(false, receivedMs);
      return;
    }
    const before = this.#tracker.impossible;
    const t4Ms = asked.t1Ms === t1Ms ? receivedMs : Number.NaN;
    this.#tracker.addExchange({ t1Ms: asked.t1Ms, t2Ms, t3Ms, t4Ms }, uncertaintyMs);
    if (this.#tracker.impossible > before) {
      this.#counts.impossible += 1;
      return;
    }
    this.#counts.answered += 1;
    this.#last = answer;
    this.#rounds.answered(true, receivedMs);
  }

  #endRound(outcome: RoundOutcome, server: string, nowMs: number): void {
    if (outcome === 'silent' && !this.#isSilent) this.#note({ kind: 'silent', server });
    const estimate = outcome === 'well' ? this.#tracker.estimate(nowMs) : undefined;
    if (estimate !== undefined && this.#last !== undefined) this.#steer(estimate, this.#last, nowMs);
    if (outcome === 'well' && this.#isSilent)
      this.#note({ kind: 'heardAgain', serverId: this.#last?.serverId ?? server });
    this.#isSilent = outcome === 'silent';
  }

  #steer(estimate: Estimate, { kind, serverId }: TimeAnswer, nowMs: number): void {
    const { contradictions } = this.#tracker;
    if (contradictions > this.#contradictions) this.#rounds.doubt();
    this.#contradictions = contradictions;
    const quality: Quality = {
      kind,
      uncertaintyMs: estimate.uncertaintyMs,
      growthPpm: estimate.rateUncertaintyPpm,
      wanderPpmPerS: DEVICE_WANDER_PPM_PER_S,
    };
    const byMs = estimate.line.shownMs - this.clock.at(nowMs).ms;
    const isFirst = !this.isSynchronised;
    const isFarBehind = byMs > Math.max(this.#options.stepMsMin, estimate.uncertaintyMs);
    if (!isFirst && !isFarBehind) {
      this.clock.follow(estimate.line, quality, nowMs);
      return;
    }
    this.clock.step(estimate.line, quality, nowMs);
    if (isFirst) this.#note({ kind: 'synchronised', serverId, steppedByMs: byMs });
    else this.#note({ kind: 'setForwards', serverId, byMs });
  }

  /** 64 bits in hex. */
  #newId(): string {
    const part = (): string =>
      this.#random
        .below(2 ** 32)
        .toString(16)
        .padStart(8, '0');
    return part() + part();
  }

  #note(note: FollowerNote): void {
    this.#effects.push({ type: 'note', note });
  }
}
