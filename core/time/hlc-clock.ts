import type { Clock } from './clock.ts';
import { HLC_AHEAD_MS_MAX, Hlc } from './hlc.ts';

export interface HlcClockOptions {
  clock: Pick<Clock, 'wallMs' | 'monotonicMs'>;
  /** See HlcOptions. Default: a minute. */
  aheadMsMax?: number;
  /** How far the wall time may be from the truth, in ms; Infinity: every stamp is believed. Default: 0. */
  uncertaintyMs?: (() => number) | undefined;
}

export interface HlcRefusal {
  /** Whose stamp it was. */
  peer: string;
  /** By how much it lies ahead of the wall time here. */
  aheadMs: number;
}

/** The clock stood at fromMs, beyond what is believed of the wall time, and goes on at toMs. Stamps above aboveMs are not believed. */
export interface HlcPutBack {
  fromMs: number;
  toMs: number;
  aboveMs: number;
}

/** Peers that are counted apart; what comes from more is counted under OTHERS. */
const PEERS_MAX = 256;
const OTHERS = 'others';
const TOLD_INTERVAL_MS = 60_000;
/** What others may drag the clock to, and the events above that, are still no sign that the wall time was put back. */
const PUT_BACK_MARGIN_MS = 1_000;

/**
 * The hybrid logical clock of a node (hlc.ts) on its wall clock, for all that the node stamps.
 *
 * Stamps of others are bounded, so it can only stand far ahead of the wall time when that has been put back: the clock was
 * wrong, and is right now. Then it begins anew at the wall time, and tells so those who keep stamps of the time before.
 */
export class HlcClock {
  readonly #clock: HlcClockOptions['clock'];
  readonly #hlc: Hlc;
  readonly #aheadMsMax: number;
  readonly #uncertaintyMs: () => number;
  readonly #refused = new Map<string, number>();
  readonly #toldAtMs = new Map<string, number>();
  readonly #putBackCallbacks = new Set<(putBack: HlcPutBack) => void>();
  /** Told of a refused stamp, of each peer once a minute. */
  onRefused: (refusal: HlcRefusal) => void = () => {};

  constructor({ clock, aheadMsMax = HLC_AHEAD_MS_MAX, uncertaintyMs = () => 0 }: HlcClockOptions) {
    this.#clock = clock;
    this.#aheadMsMax = aheadMsMax;
    this.#hlc = new Hlc({ aheadMsMax });
    this.#uncertaintyMs = uncertaintyMs;
  }

  /** See Hlc.driftMs. */
  get driftMs(): number {
    return this.#hlc.driftMs(this.#clock.wallMs());
  }

  /** Refused stamps by peer, since the start. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused;
  }

  /** Called back, before the next stamp is given out, when the wall time was found to be far behind the last. */
  onPutBack(callback: (putBack: HlcPutBack) => void): () => void {
    this.#putBackCallbacks.add(callback);
    return () => this.#putBackCallbacks.delete(callback);
  }

  /** A stamp greater than all before, but for those of a wall time that was put back since. */
  now(): number {
    const wallMs = this.#clock.wallMs();
    const fromMs = this.#hlc.lastMs;
    const aboveMs = wallMs + this.#aheadMsMax + this.#uncertaintyMs();
    if (fromMs > aboveMs + PUT_BACK_MARGIN_MS) {
      this.#hlc.putBack(wallMs);
      const putBack = { fromMs, toMs: this.#hlc.lastMs, aboveMs };
      for (const callback of this.#putBackCallbacks) callback(putBack);
    }
    return this.#hlc.now(wallMs);
  }

  /** Takes the stamp of a peer into account. False when it is refused (HLC_STAMP_FUTURE): then it is counted, and the clock stays. */
  receive(stampMs: number, peer: string): boolean {
    const wallMs = this.#clock.wallMs();
    const uncertaintyMs = this.#uncertaintyMs();
    // Not by what receive() throws: a wrong clock may stamp a hundred thousand messages a second.
    if (this.#hlc.isTooFarAhead(stampMs, wallMs, uncertaintyMs)) {
      this.#refuse(peer, stampMs - wallMs);
      return false;
    }
    this.#hlc.receive(stampMs, wallMs, uncertaintyMs);
    return true;
  }

  /** Goes on above a stamp that an earlier life of this node kept; one beyond belief is put back by the next now(). */
  restore(stampMs: number): void {
    this.#hlc.restore(stampMs);
  }

  #refuse(peer: string, aheadMs: number): void {
    const name = this.#refused.has(peer) || this.#refused.size < PEERS_MAX ? peer : OTHERS;
    this.#refused.set(name, (this.#refused.get(name) ?? 0) + 1);
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - (this.#toldAtMs.get(name) ?? Number.NEGATIVE_INFINITY) < TOLD_INTERVAL_MS) return;
    this.#toldAtMs.set(name, nowMs);
    this.onRefused({ peer, aheadMs: Math.round(aheadMs) });
  }
}
