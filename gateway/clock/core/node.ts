import {
  type Exchange,
  LineTracker,
  type MeshTime,
  PPM,
  SlewedClock,
  type TimeKind,
} from '../../../core/mesh-time/index.ts';
import { type Correction, Master } from './master.ts';
import type { MemberVerdict, ProbePath } from './member-view.ts';
import type { Adjust, ClockMessage } from './messages.ts';
import { type ClockNodeOptions, COLLECT_SHARE, REFERENCE_TRACKER } from './options.ts';
import type { SavedClock } from './saved-clock.ts';

/** What happens to a node. Times are of its monotonic clock. */
export type ClockEvent =
  /** Who leads the site, as far as is known, and which gateways take part. */
  | { type: 'role'; term: number; isMaster: boolean; leader: string | undefined; members: readonly string[] }
  /** A probe came back. */
  | { type: 'exchange'; peer: string; boot: string; path: ProbePath; exchange: Exchange }
  /** Undefined: what came could not be read. */
  | { type: 'message'; from: string; message: ClockMessage | undefined }
  /** The reference outside: at atMs it was utcMs, give or take. */
  | { type: 'reference'; atMs: number; utcMs: number; uncertaintyMs: number }
  /** A person sets the mesh's time, at the master. */
  | { type: 'set'; shownMs: number; uncertaintyMs: number; kind: 'relative' | 'absolute' }
  /** nextDueMs has come. */
  | { type: 'tick' };

export type ClockEffect =
  | { type: 'send'; to: string; message: ClockMessage }
  | { type: 'probe'; peer: string; count: number; spacingMs: number }
  | { type: 'save'; saved: SavedClock }
  | { type: 'note'; note: ClockNote };

/** What a person may want to know. */
export type ClockNote =
  | { kind: 'synchronised'; master: string; steppedByMs: number }
  | { kind: 'set'; byMs: number; master: string }
  | { kind: 'refused'; from: string; reason: RefusalReason }
  | { kind: 'disagreement'; clocks: string[] }
  | { kind: 'uncertain'; uncertaintyMs: number }
  | { kind: 'certain'; uncertaintyMs: number };

export const REFUSAL_REASONS = [
  'malformed',
  'unknownSender',
  'staleTerm',
  'staleRound',
  'otherLife',
  'notLeader',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

export interface ClockNodeStatus {
  kind: TimeKind;
  ms: number;
  uncertaintyMs: number;
  /** Followed by this node: itself when it is the master. */
  master: string | undefined;
  term: number;
  round: number;
  frequencyPpm: number;
  /** What it is behind the line that it follows. */
  behindMs: number;
  /** What the last correction was, in ms. */
  correctionMs: number | undefined;
  steps: number;
  isSettled: boolean;
  isAlarmed: boolean;
  refused: Record<RefusalReason, number>;
  /** Of the master alone. */
  members: ClockMemberStatus[];
  disagreements: number;
}

export interface ClockMemberStatus {
  name: string;
  verdict: MemberVerdict;
  path: ProbePath | undefined;
  behindMs: number | undefined;
  uncertaintyMs: number | undefined;
  roundTripMsMin: number | undefined;
  ratePpm: number | undefined;
  samples: number;
  impossible: number;
  contradictions: number;
}

const SAVE_INTERVAL_MS = 60_000;

/**
 * The clock of one gateway: a member that follows its master, or the master itself. A pure machine: events in, effects out, every moment
 * passed in by the monotonic clock of the machine.
 */
export class ClockNode {
  readonly clock: SlewedClock;
  readonly #options: ClockNodeOptions;
  readonly #reference: LineTracker;
  readonly #refused = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<RefusalReason, number>;
  #effects: ClockEffect[] = [];
  #master: Master | undefined;
  #members: readonly string[] = [];
  #leader: string | undefined;
  /** The highest term heard of, and that of the master whose word is followed. */
  #term = -1;
  #followed: { master: string; term: number } | undefined;
  #round = 0;
  #correctionMs: number | undefined;
  #epoch: string | undefined;
  #isSettled: boolean;
  /** As the master counts it; -1 before the first adjust. */
  #stepCount = -1;
  #isAlarmed = false;
  #phase: 'begin' | 'end' = 'begin';
  #dueMs: number;
  #saveDueMs: number;
  #disagreements = 0;

  constructor(
    options: ClockNodeOptions,
    start: { monotonicMs: number; wallMs: number; saved: SavedClock | undefined },
  ) {
    this.#options = options;
    const { saved } = start;
    this.#isSettled = saved?.isSettled ?? false;
    this.clock = new SlewedClock({ ...start, rate: 1 + (saved?.frequencyPpm ?? 0) * PPM }, options.slew);
    this.#reference = new LineTracker({ ...options.tracker, ...REFERENCE_TRACKER });
    this.#dueMs = start.monotonicMs;
    this.#saveDueMs = start.monotonicMs + SAVE_INTERVAL_MS;
  }

  /** When it wants its next tick. */
  get nextDueMs(): number {
    return this.#dueMs;
  }

  at(monotonicMs: number): MeshTime {
    return this.clock.at(monotonicMs);
  }

  step(event: ClockEvent, nowMs: number): ClockEffect[] {
    this.#effects = [];
    switch (event.type) {
      case 'role':
        this.#onRole(event, nowMs);
        break;
      case 'exchange':
        this.#master?.view(event.peer)?.addExchange(event.boot, event.path, event.exchange);
        break;
      case 'message':
        this.#onMessage(event.from, event.message, nowMs);
        break;
      case 'reference':
        this.#reference.addReading(event.atMs, event.utcMs, event.uncertaintyMs);
        break;
      case 'set':
        this.#onSet(event, nowMs);
        break;
      case 'tick':
        this.#onTick(nowMs);
        break;
    }
    return this.#effects;
  }

  /** UTC by the reference of this gateway, if it has one and heard of it lately. */
  referenceNow(nowMs: number): { ms: number; uncertaintyMs: number } | undefined {
    return this.#master?.referenceNow(nowMs);
  }

  /** Names the beginning of the time that it follows; undefined while it follows none. */
  get epoch(): string | undefined {
    return this.#epoch;
  }

  get isMaster(): boolean {
    return this.#master !== undefined;
  }

  status(nowMs: number): ClockNodeStatus {
    const { ms, uncertaintyMs } = this.clock.at(nowMs);
    const master = this.#master;
    return {
      kind: this.clock.kind,
      ms,
      uncertaintyMs,
      master: this.#followed?.master,
      term: this.#term,
      round: master?.round ?? this.#round,
      frequencyPpm: this.clock.frequencyPpm,
      behindMs: this.clock.behindMs(nowMs),
      correctionMs: this.#correctionMs,
      steps: this.clock.steps,
      isSettled: master?.isSettled ?? this.#isSettled,
      isAlarmed: this.#isAlarmed,
      refused: { ...this.#refused },
      members: (master?.views ?? []).map((view) => {
        const estimate = view.estimate(nowMs, Number.POSITIVE_INFINITY);
        const { name, verdict, path, behindMs, impossible, contradictions } = view;
        return {
          ...{ name, verdict, path, behindMs, impossible, contradictions },
          uncertaintyMs: estimate?.uncertaintyMs,
          roundTripMsMin: estimate?.roundTripMsMin,
          ratePpm: estimate === undefined ? undefined : (estimate.line.rate - 1) / PPM,
          samples: estimate?.samples ?? 0,
        };
      }),
      disagreements: this.#disagreements + (master?.disagreements ?? 0),
    };
  }

  #onRole(event: ClockEvent & { type: 'role' }, nowMs: number): void {
    const { term, isMaster, leader, members } = event;
    this.#members = members;
    this.#leader = leader;
    this.#term = Math.max(this.#term, term);
    if (!isMaster) {
      this.#resign();
      return;
    }
    if (this.#master?.term === term) {
      this.#master.setMembers(members);
      return;
    }
    this.#resign();
    this.#master = new Master(this.#options, this.clock, this.#reference, {
      ...{ term, members },
      isSettled: this.#isSettled,
      stepCount: Math.max(0, this.#stepCount),
      epoch: this.#epoch,
    });
    this.#phase = 'begin';
    this.#dueMs = nowMs;
  }

  #resign(): void {
    if (this.#master === undefined) return;
    this.#isSettled = this.#master.isSettled;
    this.#disagreements += this.#master.disagreements;
    this.#stepCount = this.#master.stepCount;
    this.#master = undefined;
  }

  #onTick(nowMs: number): void {
    if (nowMs < this.#dueMs) return;
    const { roundMs } = this.#options;
    const master = this.#master;
    if (master === undefined) {
      this.#dueMs = nowMs + roundMs;
    } else if (this.#phase === 'begin') {
      this.#beginRound(master);
      this.#phase = 'end';
      this.#dueMs = nowMs + roundMs * COLLECT_SHARE;
    } else {
      this.#endRound(master, nowMs);
      this.#phase = 'begin';
      this.#dueMs = nowMs + roundMs * (1 - COLLECT_SHARE);
    }
    this.#watch(nowMs);
    if (nowMs >= this.#saveDueMs) this.#save(nowMs);
  }

  #beginRound(master: Master): void {
    const { probesPerRound: count, probeSpacingMs: spacingMs } = this.#options;
    master.beginRound();
    for (const { name } of master.views) {
      this.#effects.push({ type: 'probe', peer: name, count, spacingMs });
      this.#send(name, { type: 'ask', term: master.term, round: master.round });
    }
  }

  #endRound(master: Master, nowMs: number): void {
    const wasNone = this.clock.kind === 'none';
    const beforeMs = this.clock.at(nowMs).ms;
    const disagreed = master.disagreements;
    const corrections: Correction[] = master.endRound(nowMs);
    for (const { to, adjust } of corrections) this.#send(to, adjust);
    if (this.clock.kind === 'none') return;
    const { name } = this.#options;
    this.#followed = { master: name, term: master.term };
    this.#epoch = master.epoch;
    this.#correctionMs = this.clock.behindMs(nowMs);
    if (wasNone) {
      const steppedByMs = this.clock.at(nowMs).ms - beforeMs;
      this.#note({ kind: 'synchronised', master: name, steppedByMs });
      this.#save(nowMs);
    }
    if (disagreed === 0 && master.disagreements > 0) {
      this.#note({ kind: 'disagreement', clocks: master.views.map((view) => view.name) });
    }
  }

  #onMessage(from: string, message: ClockMessage | undefined, nowMs: number): void {
    const reason = this.#refusal(from, message);
    if (reason !== undefined) {
      this.#refused[reason] += 1;
      this.#note({ kind: 'refused', from, reason });
      return;
    }
    switch (message?.type) {
      case 'ask':
        this.#term = Math.max(this.#term, message.term);
        this.#report(from, message.term, message.round, nowMs);
        break;
      case 'report':
        this.#master?.view(from)?.addReport(message);
        break;
      case 'adjust':
        this.#adjust(from, message, nowMs);
        break;
    }
  }

  #refusal(from: string, message: ClockMessage | undefined): RefusalReason | undefined {
    if (message === undefined) return 'malformed';
    if (!this.#members.includes(from)) return 'unknownSender';
    if (message.type === 'report') return message.term === this.#master?.term ? undefined : 'staleTerm';
    if (message.term < this.#term) return 'staleTerm';
    // Of one term there is one leader; who leads a later one is heard of soon.
    if (message.term === this.#term && this.#leader !== undefined && this.#leader !== from) return 'notLeader';
    if (message.type !== 'adjust') return undefined;
    if (message.boot !== this.#options.boot) return 'otherLife';
    return message.term === this.#followed?.term && message.round <= this.#round ? 'staleRound' : undefined;
  }

  #report(to: string, term: number, round: number, nowMs: number): void {
    const { uncertaintyMs } = this.clock.at(nowMs);
    this.#send(to, {
      ...{ type: 'report', term, round, boot: this.#options.boot },
      stretch: this.clock.stretch,
      kind: this.clock.kind,
      uncertaintyMs: Number.isFinite(uncertaintyMs) ? uncertaintyMs : null,
      ...(this.#epoch === undefined ? {} : { epoch: this.#epoch }),
      followedTerm: this.#followed?.term ?? -1,
    });
  }

  #adjust(from: string, { term, round, target, quality, ...rest }: Adjust, nowMs: number): void {
    this.#term = term;
    this.#followed = { master: from, term };
    this.#round = round;
    this.#isSettled = rest.isSettled;
    this.#epoch = rest.epoch;
    this.#correctionMs = rest.correctionMs;
    const wasNone = this.clock.kind === 'none';
    const isSet = this.#stepCount >= 0 && rest.stepCount > this.#stepCount;
    this.#stepCount = rest.stepCount;
    if (!wasNone && !isSet) {
      this.clock.follow(target, quality, nowMs);
      return;
    }
    const beforeMs = this.clock.at(nowMs).ms;
    this.clock.step(target, quality, nowMs);
    const byMs = this.clock.at(nowMs).ms - beforeMs;
    if (wasNone) this.#note({ kind: 'synchronised', master: from, steppedByMs: byMs });
    else this.#note({ kind: 'set', byMs, master: from });
    this.#save(nowMs);
  }

  #onSet({ shownMs, uncertaintyMs, kind }: ClockEvent & { type: 'set' }, nowMs: number): void {
    const byMs = shownMs - this.clock.at(nowMs).ms;
    this.#master?.set(shownMs, uncertaintyMs, kind, nowMs);
    this.#note({ kind: 'set', byMs, master: this.#options.name });
  }

  #watch(nowMs: number): void {
    if (this.clock.kind === 'none') return;
    const { uncertaintyMs } = this.clock.at(nowMs);
    const isAlarmed = uncertaintyMs > this.#options.uncertaintyMsMax;
    if (isAlarmed === this.#isAlarmed) return;
    this.#isAlarmed = isAlarmed;
    this.#note({ kind: isAlarmed ? 'uncertain' : 'certain', uncertaintyMs });
  }

  #save(nowMs: number): void {
    this.#saveDueMs = nowMs + SAVE_INTERVAL_MS;
    if (this.clock.kind === 'none') return;
    const isSettled = this.#master?.isSettled ?? this.#isSettled;
    this.#effects.push({ type: 'save', saved: { version: 1, frequencyPpm: this.clock.frequencyPpm, isSettled } });
  }

  #send(to: string, message: ClockMessage): void {
    this.#effects.push({ type: 'send', to, message });
  }

  #note(note: ClockNote): void {
    this.#effects.push({ type: 'note', note });
  }
}
