import {
  type Estimate,
  type Line,
  type LineTracker,
  PPM,
  type Quality,
  reanchored,
  type SlewedClock,
} from '../../../core/mesh-time/index.ts';
import { type ClockReading, faultTolerantAverage, medianOf } from './average.ts';
import { type MemberClock, MemberView } from './member-view.ts';
import type { Adjust } from './messages.ts';
import {
  type ClockNodeOptions,
  COLD_ROUNDS,
  PULL_PPM_MAX,
  RATE_KNOWN_PPM,
  RATE_SLOTS_MIN,
  RATE_UNKNOWN_PPM,
  RATE_WANDER_PPM_PER_S,
  REFERENCE_GAIN,
  REFERENCE_STALE_MS,
  SETTLED_ROUNDS,
  STALE_ROUNDS,
  UNSETTLED_PPM,
} from './options.ts';

/*
 * The master's part of Berkeley clock synchronisation (Gusella and Zatti 1989), while this gateway leads its site.
 *
 * In each round it measures the members' monotonic clocks by probes and asks how their mesh clocks go over these. The mesh's time is a
 * line over the master's own monotonic clock. Without a reference outside it goes by the median of the members' rates, and the
 * fault-tolerant average of their clocks pulls it gently. With one it follows the reference. Each member is then told the line in terms
 * of its own monotonic clock: its correction. What is told is absolute and not a difference, so that it may be late, repeated or lost.
 *
 * A new master goes on with the line that it followed as a member, so nothing jumps. What it did not know of its predecessor's time it adds
 * to what it tells, until all members follow it: then it is the time.
 */

export interface Correction {
  to: string;
  adjust: Adjust;
}

interface Measured {
  view: MemberView;
  estimate: Estimate;
  clock: MemberClock | undefined;
}

export interface MasterStart {
  term: number;
  members: readonly string[];
  isSettled: boolean;
  stepCount: number;
  /** Of the time that this gateway followed until now; undefined when it followed none. */
  epoch: string | undefined;
}

export class Master {
  readonly term: number;
  readonly #options: ClockNodeOptions;
  readonly #own: SlewedClock;
  readonly #reference: LineTracker;
  readonly #views = new Map<string, MemberView>();
  /** The mesh's time over our monotonic clock; undefined until the first round of a mesh that has none. */
  #time: Line | undefined;
  /** What is not known of it, as of then. */
  #basis: { atMs: number; quality: Quality } | undefined;
  #isSettled: boolean;
  #settledRounds = 0;
  stepCount: number;
  /** Of the time that it tells; undefined before the first. */
  epoch: string | undefined;
  round = 0;
  /** Names of the clocks that the last average rejected. */
  rejected: string[] = [];
  /** Rounds in which no majority agreed. */
  disagreements = 0;

  constructor(options: ClockNodeOptions, own: SlewedClock, reference: LineTracker, start: MasterStart) {
    this.#options = options;
    this.#own = own;
    this.#reference = reference;
    this.term = start.term;
    this.#isSettled = start.isSettled;
    this.stepCount = start.stepCount;
    this.epoch = start.epoch;
    this.setMembers(start.members);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  get views(): readonly MemberView[] {
    return [...this.#views.values()];
  }

  view(name: string): MemberView | undefined {
    return this.#views.get(name);
  }

  setMembers(names: readonly string[]): void {
    for (const name of this.#views.keys()) if (!names.includes(name)) this.#views.delete(name);
    for (const name of names) {
      if (name !== this.#options.name && !this.#views.has(name)) {
        this.#views.set(name, new MemberView(name, this.#options.tracker));
      }
    }
  }

  beginRound(): void {
    this.round += 1;
  }

  /** Settles what the time is now; our own clock follows it, and so do the members that the corrections go to. */
  endRound(nowMs: number): Correction[] {
    const measured = this.#measure(nowMs);
    const isFirst = this.#time === undefined;
    if (this.#time === undefined && !this.#begin(measured, nowMs)) return [];
    this.#time = reanchored(this.#time as Line, nowMs);
    const reference = this.#freshReference(nowMs);
    if (reference !== undefined) this.#followReference(reference, isFirst);
    else if (!isFirst) this.#followMembers(measured, nowMs);
    this.#adoptOwn(nowMs);
    return measured.map((member) => this.#correction(member, nowMs));
  }

  /** A person sets the mesh's time. */
  set(shownMs: number, uncertaintyMs: number, kind: 'relative' | 'absolute', nowMs: number): void {
    this.stepCount += 1;
    this.#time = { atMs: nowMs, shownMs, rate: this.#time?.rate ?? this.#own.target.rate };
    this.#basis = { atMs: nowMs, quality: { ...this.#quality(nowMs), kind, uncertaintyMs } };
    this.#own.step(this.#time, this.#quality(nowMs), nowMs);
  }

  /** UTC by the reference outside, if there is one that was heard lately. */
  referenceNow(nowMs: number): { ms: number; uncertaintyMs: number } | undefined {
    const estimate = this.#freshReference(nowMs);
    return estimate && { ms: estimate.line.shownMs, uncertaintyMs: estimate.uncertaintyMs };
  }

  #measure(nowMs: number): Measured[] {
    const measured: Measured[] = [];
    for (const view of this.#views.values()) {
      const estimate = view.estimate(nowMs, STALE_ROUNDS * this.#options.roundMs);
      view.verdict = 'unmeasured';
      if (estimate === undefined) continue;
      const clock = view.clock(estimate, this.round);
      view.verdict = clock === undefined ? 'silent' : clock.kind === 'none' ? 'joining' : 'accepted';
      measured.push({ view, estimate, clock });
    }
    return measured;
  }

  /** Where the time of the mesh comes from when this master has none yet. False while it waits for more clocks. */
  #begin(measured: Measured[], nowMs: number): boolean {
    const own = this.#own.at(nowMs);
    const { rate } = this.#own.target;
    if (this.#own.kind !== 'none') {
      // It goes on with what it followed as a member, and with what it does not know of it.
      const target = reanchored(this.#own.target, nowMs);
      const uncertaintyMs = this.#own.targetUncertaintyMs(nowMs);
      this.#time = target;
      this.#basis = { atMs: nowMs, quality: { ...this.#own.quality, uncertaintyMs } };
      return true;
    }
    // Before there is a time, what a member said in an earlier round is as good: the time of a mesh that runs is not to be missed.
    const clocks = measured
      .map(({ view, estimate }) => ({ view, estimate, clock: view.clock(estimate) }))
      .filter(({ clock }) => clock !== undefined);
    const isMajority = (clocks.length + 1) * 2 > this.#views.size + 1;
    if (!isMajority || (clocks.length < this.#views.size && this.round < COLD_ROUNDS)) return false;
    const running = this.#runningOf(clocks);
    const readings = clocksOf(running.length > 0 ? running : clocks, own.ms);
    // The wall clock of this machine counts only where the others have nothing better either.
    if (running.length === 0) readings.push({ name: this.#options.name, offsetMs: 0 });
    const offsetMs = this.#average(readings)?.offsetMs ?? medianOf(readings.map((reading) => reading.offsetMs));
    this.#time = { atMs: nowMs, shownMs: own.ms + offsetMs, rate };
    const { name, boot } = this.#options;
    this.epoch = running[0]?.clock?.epoch ?? `${name} ${boot} ${this.term}`;
    const known = running.map(({ clock }) => clock?.uncertaintyMs ?? 0);
    const isAbsolute = running.length > 0 && running.every(({ clock }) => clock?.kind === 'absolute');
    const kind = isAbsolute ? ('absolute' as const) : ('relative' as const);
    this.#basis = { atMs: nowMs, quality: { ...this.#relativeQuality(), kind, uncertaintyMs: Math.max(0, ...known) } };
    return true;
  }

  /** Those that follow a time: of several times the one that most follow. */
  #runningOf(clocks: Measured[]): Measured[] {
    const byEpoch = Map.groupBy(
      clocks.filter(({ clock }) => clock !== undefined && clock.kind !== 'none'),
      ({ clock }) => clock?.epoch,
    );
    return [...byEpoch.values()].reduce((most, group) => (group.length > most.length ? group : most), []);
  }

  #followReference(reference: Estimate, isFirst: boolean): void {
    const time = this.#time as Line;
    const isOther = this.#basis?.quality.kind !== 'absolute';
    const aheadMs = reference.line.shownMs - time.shownMs;
    const shownMs = time.shownMs + (isFirst || isOther ? 1 : REFERENCE_GAIN) * aheadMs;
    this.#time = { atMs: time.atMs, shownMs, rate: reference.line.rate };
    const apartMs = Math.abs(reference.line.shownMs - shownMs);
    this.#basis = {
      atMs: time.atMs,
      quality: {
        kind: 'absolute',
        uncertaintyMs: reference.uncertaintyMs + apartMs,
        growthPpm: reference.rateUncertaintyPpm,
        wanderPpmPerS: RATE_WANDER_PPM_PER_S,
      },
    };
  }

  /** The average of the clocks pulls the time of a mesh without a reference, and their rates are its rate. */
  #followMembers(measured: Measured[], nowMs: number): void {
    const time = this.#time as Line;
    const running = measured.filter(({ clock }) => clock?.epoch !== undefined && clock.epoch === this.epoch);
    const readings = clocksOf(running, time.shownMs);
    readings.push({ name: this.#options.name, offsetMs: this.#own.at(nowMs).ms - time.shownMs });
    const averaged = this.#average(readings);
    for (const { view, clock } of running) {
      if (clock === undefined) continue;
      view.behindMs = time.shownMs - clock.shownMs;
      if (averaged !== undefined && !averaged.accepted.includes(view.name)) view.verdict = 'apart';
    }
    // Without a majority nobody knows what the others follow meanwhile: then it is less certain by the second.
    if ((running.length + 1) * 2 <= this.#views.size + 1) return;
    // What was once told against UTC is held as well as this machine can, and not pulled about.
    if (this.#basis?.quality.kind !== 'relative') return;
    const { roundMs } = this.#options;
    const pullMs = PULL_PPM_MAX * PPM * roundMs;
    const offsetMs = Math.min(pullMs, Math.max(-pullMs, averaged?.offsetMs ?? 0));
    this.#time = { ...time, shownMs: time.shownMs + offsetMs, rate: this.#averageRate(measured, time.rate) };
    const isFollowedByAll = this.views.every((view) => view.followedTerm() === this.term);
    const uncertaintyMs = isFollowedByAll ? 0 : this.#basis.quality.uncertaintyMs;
    this.#basis = { atMs: nowMs, quality: { ...this.#relativeQuality(), uncertaintyMs } };
  }

  #averageRate(measured: Measured[], rate: number): number {
    const known = measured.filter(
      ({ view, estimate }) => view.verdict === 'accepted' && estimate.rateUncertaintyPpm <= RATE_KNOWN_PPM,
    );
    if ((known.length + 1) * 2 <= this.#views.size + 1) return rate;
    const wanted = medianOf([1, ...known.map(({ estimate }) => estimate.line.rate)]);
    if (!this.#isSettled) {
      this.#settledRounds += 1;
      this.#isSettled = this.#settledRounds >= SETTLED_ROUNDS;
      return wanted;
    }
    const change = RATE_WANDER_PPM_PER_S * PPM * (this.#options.roundMs / 1_000);
    return rate + Math.min(change, Math.max(-change, wanted - rate));
  }

  #average(readings: ClockReading[]) {
    const averaged = faultTolerantAverage(this.#options.average, readings, this.#options);
    if (averaged === undefined) this.disagreements += 1;
    this.rejected = averaged?.rejected ?? [];
    return averaged;
  }

  #adoptOwn(nowMs: number): void {
    const time = this.#time as Line;
    if (this.#own.kind === 'none') this.#own.step(time, this.#quality(nowMs), nowMs);
    else this.#own.follow(time, this.#quality(nowMs), nowMs);
  }

  #correction({ view, estimate, clock }: Measured, nowMs: number): Correction {
    const time = this.#time as Line;
    const quality = this.#quality(nowMs);
    const measuredRate = time.rate / estimate.line.rate;
    // Until its rate is measured well, what it knows of it from earlier masters is better than nothing.
    const isRateMeasured = estimate.rateUncertaintyPpm <= RATE_UNKNOWN_PPM || estimate.slots >= RATE_SLOTS_MIN;
    const rate = isRateMeasured ? measuredRate : (view.knownRate() ?? measuredRate);
    const target = { atMs: estimate.line.shownMs, shownMs: time.shownMs, rate };
    const growthPpm = estimate.rateUncertaintyPpm + Math.abs(rate - measuredRate) / PPM;
    const adjust: Adjust = {
      type: 'adjust',
      term: this.term,
      round: this.round,
      boot: view.boot as string,
      target,
      quality: {
        kind: quality.kind === 'absolute' ? 'absolute' : 'relative',
        uncertaintyMs: quality.uncertaintyMs + estimate.uncertaintyMs,
        growthPpm: quality.growthPpm + growthPpm,
        wanderPpmPerS: quality.wanderPpmPerS,
      },
      epoch: this.epoch as string,
      isSettled: this.#isSettled,
      stepCount: this.stepCount,
      ...(clock === undefined ? {} : { correctionMs: time.shownMs - clock.shownMs }),
    };
    return { to: view.name, adjust };
  }

  /** Of the time as it is told now. */
  #quality(nowMs: number): Quality {
    const { atMs, quality } = this.#basis ?? { atMs: nowMs, quality: this.#relativeQuality() };
    const ageMs = nowMs - atMs;
    const grownMs = ageMs * quality.growthPpm * PPM + (ageMs * ageMs * quality.wanderPpmPerS * PPM) / 2_000;
    return { ...quality, uncertaintyMs: quality.uncertaintyMs + grownMs };
  }

  #relativeQuality(): Quality {
    const growthPpm = this.#isSettled ? PULL_PPM_MAX : UNSETTLED_PPM;
    return { kind: 'relative', uncertaintyMs: 0, growthPpm, wanderPpmPerS: RATE_WANDER_PPM_PER_S };
  }

  #freshReference(nowMs: number): Estimate | undefined {
    const estimate = this.#reference.estimate(nowMs);
    return estimate !== undefined && nowMs - estimate.sampledAtMs <= REFERENCE_STALE_MS ? estimate : undefined;
  }
}

function clocksOf(measured: Measured[], againstMs: number): ClockReading[] {
  return measured.flatMap(({ view, clock }) =>
    clock === undefined ? [] : [{ name: view.name, offsetMs: clock.shownMs - againstMs }],
  );
}
