import {
  type Estimate,
  type Exchange,
  LineTracker,
  stretchAt,
  type TrackerOptions,
} from '../../../core/mesh-time/index.ts';
import type { Report } from './messages.ts';

export type ProbePath = 'udp' | 'tcp' | 'mqtt';

/** What a member's mesh clock shows, as far as its master can tell. */
export interface MemberClock {
  shownMs: number;
  uncertaintyMs: number;
  kind: Report['kind'];
  epoch: string | undefined;
}

/** What the master knows of one member: its monotonic clock by probes, and how its mesh clock goes by its own report. */
export class MemberView {
  readonly name: string;
  readonly #tracker: LineTracker;
  #boot: string | undefined;
  #report: Report | undefined;
  path: ProbePath | undefined;
  /** What the last average made of it. */
  verdict: MemberVerdict = 'unmeasured';
  /** What its clock was behind, and what is not known of that, at the last round in which it reported. */
  behindMs: number | undefined;

  constructor(name: string, tracker: TrackerOptions) {
    this.name = name;
    this.#tracker = new LineTracker(tracker);
  }

  addExchange(boot: string, path: ProbePath, exchange: Exchange): void {
    this.#live(boot);
    this.path = path;
    this.#tracker.addExchange(exchange);
  }

  addReport(report: Report): void {
    this.#live(report.boot);
    this.#report = report;
  }

  get boot(): string | undefined {
    return this.#boot;
  }

  get impossible(): number {
    return this.#tracker.impossible;
  }

  get contradictions(): number {
    return this.#tracker.contradictions;
  }

  /** Whether it follows the master of this term. */
  followedTerm(): number {
    return this.#report?.followedTerm ?? -1;
  }

  /** Its monotonic clock over ours; undefined when it was not measured lately. */
  estimate(nowMs: number, staleMs: number): Estimate | undefined {
    const estimate = this.#tracker.estimate(nowMs);
    return estimate !== undefined && estimate.sampledAtMs >= nowMs - staleMs ? estimate : undefined;
  }

  /** What its mesh clock shows now by its report, of this round if one is named; undefined when it has not sent one. */
  clock(estimate: Estimate, round?: number): MemberClock | undefined {
    const report = this.#report;
    if (report === undefined || (round !== undefined && report.round !== round)) return undefined;
    const shownMs = stretchAt(report.stretch, estimate.line.shownMs);
    const ownMs = report.uncertaintyMs ?? Number.POSITIVE_INFINITY;
    const { kind, epoch } = report;
    return { shownMs, uncertaintyMs: ownMs + estimate.uncertaintyMs, kind, epoch };
  }

  /** The rate of the mesh's time over its monotonic clock as it knows it from its masters; undefined while it follows none. */
  knownRate(): number | undefined {
    return this.#report === undefined || this.#report.kind === 'none' ? undefined : this.#report.stretch.rate;
  }

  /** Another life has another monotonic clock. */
  #live(boot: string): void {
    if (boot === this.#boot) return;
    this.#boot = boot;
    this.#report = undefined;
    this.#tracker.forget();
  }
}

/** unmeasured: no probe came back; silent: it did not say how its clock goes; joining: it was not set yet; apart: it disagrees. */
export type MemberVerdict = 'unmeasured' | 'silent' | 'joining' | 'accepted' | 'apart';
