import type { GatewayIdentity } from '../../transport/index.ts';
import type { ProbeLimits } from './limits.ts';
import type { Probe, Reply } from './packet.ts';
import type { RefusalReason } from './types.ts';

/** A hold by the peer may seem longer than the round trip by what its clock runs fast (1,000 ppm) and by the grain of clocks. */
const HOLD_PER_ROUND_TRIP_MAX = 1.001;
const GRAIN_MS = 0.01;

export interface ProberOptions {
  own: GatewayIdentity;
  /** Names the life of our process: 8 bytes in hex. */
  boot: string;
  /** 8 bytes in hex that nobody can foresee. */
  nonce: () => string;
  /** Above all that probes of this boot had before, as those of a thread that has ended. */
  firstSequence: number;
  limits: ProbeLimits;
}

interface Outstanding {
  peer: string;
  sequence: number;
  t1Ms: number;
}

export interface Stamps {
  t1Ms: number;
  t2Ms: number;
  t3Ms: number;
  t4Ms: number;
}

export type Settled = { stamps: Stamps } | { refusal: RefusalReason };

/** Keeps account of the probes that wait for a reply: each counts once, and in time. Pure: told the time with each event. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #sequences = new Map<string, number>();
  /** By nonce, in the order in which they were sent. */
  readonly #outstanding = new Map<string, Outstanding>();
  /** How probes ended, by nonce. */
  readonly #settled = new Map<string, 'answered' | 'timedOut'>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /** A new probe for a peer; undefined when too many wait for their replies. */
  make(peer: string): Probe | undefined {
    const { own, boot, nonce, firstSequence, limits } = this.#options;
    if (this.#outstanding.size >= limits.outstandingMax) return undefined;
    const sequence = this.#sequences.get(peer) ?? firstSequence;
    this.#sequences.set(peer, sequence + 1);
    return { kind: 'probe', sender: own, receiver: { site: own.site, name: peer }, boot, nonce: nonce(), sequence };
  }

  sent({ receiver, nonce, sequence }: Probe, t1Ms: number): void {
    this.#outstanding.set(nonce, { peer: receiver.name, sequence, t1Ms });
  }

  /** Takes an authentic reply that is meant for us. */
  settle({ sender, nonce, sequence, t2Ms, t3Ms }: Reply, t4Ms: number): Settled {
    const probe = this.#outstanding.get(nonce);
    if (probe === undefined) return { refusal: this.#refusalOfSettled(nonce) };
    if (sender.name !== probe.peer) return { refusal: 'wrongPeer' };
    if (sequence !== probe.sequence) return { refusal: 'unasked' };
    const { t1Ms } = probe;
    if (t4Ms - t1Ms > this.#options.limits.timeoutMs) return { refusal: 'late' };
    this.#end(nonce, 'answered');
    const heldMs = t3Ms - t2Ms;
    const isPossible = heldMs >= 0 && heldMs <= (t4Ms - t1Ms) * HOLD_PER_ROUND_TRIP_MAX + GRAIN_MS;
    return isPossible ? { stamps: { t1Ms, t2Ms, t3Ms, t4Ms } } : { refusal: 'impossible' };
  }

  /** Gives up what waited too long. Returns how many probes, by peer. */
  expire(nowMs: number): Map<string, number> {
    const unanswered = new Map<string, number>();
    for (const [nonce, { peer, t1Ms }] of this.#outstanding) {
      if (nowMs - t1Ms <= this.#options.limits.timeoutMs) break;
      this.#end(nonce, 'timedOut');
      unanswered.set(peer, (unanswered.get(peer) ?? 0) + 1);
    }
    return unanswered;
  }

  /** When expire() has something to do next, in monotonic ms; undefined when nothing waits. */
  nextExpiryMs(): number | undefined {
    const [oldest] = this.#outstanding.values();
    return oldest === undefined ? undefined : oldest.t1Ms + this.#options.limits.timeoutMs;
  }

  #refusalOfSettled(nonce: string): RefusalReason {
    switch (this.#settled.get(nonce)) {
      case 'answered':
        return 'replayed';
      case 'timedOut':
        return 'late';
      case undefined:
        return 'unasked';
    }
  }

  #end(nonce: string, how: 'answered' | 'timedOut'): void {
    this.#outstanding.delete(nonce);
    this.#settled.set(nonce, how);
    const [oldest] = this.#settled.keys();
    if (this.#settled.size > this.#options.limits.settledMax && oldest !== undefined) this.#settled.delete(oldest);
  }
}
