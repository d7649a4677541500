import type { ProbeLimits } from './limits.ts';
import type { Probe } from './packet.ts';
import { ReplayWindow } from './replay-window.ts';
import type { RefusalReason } from './types.ts';

const MS_PER_S = 1_000;

/** Tokens of one peer (a token bucket): what it may ask, in probes. */
interface Allowance {
  tokens: number;
  atMs: number;
}

/** Decides which probes of peers are answered. Pure: told the time with each. */
export class Responder {
  readonly #limits: ProbeLimits;
  #peers: ReadonlySet<string> = new Set();
  /** By peer and boot, the one that was heard last at the end. */
  readonly #windows = new Map<string, ReplayWindow>();
  readonly #allowances = new Map<string, Allowance>();

  constructor(limits: ProbeLimits) {
    this.#limits = limits;
  }

  /** The names, within our site, of those who are answered. */
  setPeers(names: ReadonlySet<string>): void {
    this.#peers = names;
    for (const name of this.#allowances.keys()) if (!names.has(name)) this.#allowances.delete(name);
  }

  /** Why an authentic probe for us is not to be answered; undefined when it is. */
  refusalOf({ sender, boot, sequence }: Probe, nowMs: number): RefusalReason | undefined {
    if (!this.#peers.has(sender.name)) return 'unknownPeer';
    if (!this.#windowOf(`${sender.name} ${boot}`).take(sequence)) return 'replayed';
    return this.#mayAsk(sender.name, nowMs) ? undefined : 'tooMany';
  }

  #windowOf(key: string): ReplayWindow {
    const window = this.#windows.get(key) ?? new ReplayWindow();
    this.#windows.delete(key);
    this.#windows.set(key, window);
    const [oldest] = this.#windows.keys();
    if (this.#windows.size > this.#limits.replayWindowsMax && oldest !== undefined) this.#windows.delete(oldest);
    return window;
  }

  #mayAsk(peer: string, nowMs: number): boolean {
    const { probesPerSMax } = this.#limits;
    const known = this.#allowances.get(peer) ?? { tokens: probesPerSMax, atMs: nowMs };
    const refilled = known.tokens + (Math.max(0, nowMs - known.atMs) * probesPerSMax) / MS_PER_S;
    const tokens = Math.min(probesPerSMax, refilled);
    const isAllowed = tokens >= 1;
    this.#allowances.set(peer, { tokens: isAllowed ? tokens - 1 : tokens, atMs: nowMs });
    return isAllowed;
  }
}
