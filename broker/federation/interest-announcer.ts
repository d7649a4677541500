import { z } from 'zod';
import type { Clock, Timer } from '../../core/time/index.ts';
import { FilterCover, type InterestFrame, OwnInterest } from './interest/index.ts';
import type { FederationPort } from './port.ts';

export interface InterestAnnouncerOptions {
  port: FederationPort;
  boot: string;
  clock: Clock;
  /** Tells every neighbour. */
  flood: (frames: readonly InterestFrame[]) => void;
  onChanged: (version: number, hash: string) => void;
  reachable: () => readonly string[];
}

/** Changes within this time are told together. */
const DELAY_MS = 1;

const appliedSchema = z.object({ boot: z.string(), version: z.int() });

interface Waiter {
  version: number;
  resolve: (isSettled: boolean) => void;
  timer: Timer;
}

/** What a broker sends to the owner of an interest that it has applied. */
export function encodeApplied(boot: string, version: number): Buffer {
  return Buffer.from(JSON.stringify({ boot, version }));
}

/** Tells the others what this broker's clients want, and knows who has taken it in. */
export class InterestAnnouncer {
  readonly #options: InterestAnnouncerOptions;
  readonly #cover = new FilterCover();
  readonly #own: OwnInterest;
  /** By broker, the version by which it routes. */
  readonly #applied = new Map<string, number>();
  readonly #waiters = new Set<Waiter>();
  #timer: Timer | undefined;
  #unsubscribe: () => void = () => {};

  constructor(options: InterestAnnouncerOptions) {
    this.#options = options;
    this.#own = new OwnInterest({ node: options.port.brokerId, boot: options.boot });
  }

  start(): void {
    const { port } = this.#options;
    for (const filter of port.localFilters()) this.#cover.add(filter);
    this.#unsubscribe = port.onLocalFilter((filter, isWanted) => {
      if (isWanted) this.#cover.add(filter);
      else this.#cover.remove(filter);
      this.#timer ??= this.#options.clock.setTimer(DELAY_MS, () => this.#announce());
    });
    this.#announce();
  }

  stop(): void {
    this.#unsubscribe();
    this.#timer?.cancel();
    for (const waiter of [...this.#waiters]) this.#finish(waiter, false);
  }

  snapshot(): InterestFrame[] {
    return this.#own.snapshot();
  }

  onApplied(from: string, body: Buffer): void {
    const applied = appliedSchema.safeParse(parse(body));
    if (!applied.success || applied.data.boot !== this.#options.boot) return;
    this.#applied.set(from, Math.max(this.#applied.get(from) ?? 0, applied.data.version));
    this.#check();
  }

  /** Brokers have come or gone. One that comes back says anew what it has applied. */
  onReachable(left: readonly string[]): void {
    for (const node of left) this.#applied.delete(node);
    this.#check();
  }

  /** Resolves with true when every reachable broker routes by what the clients want now; with false after timeoutMs. */
  settled(timeoutMs: number): Promise<boolean> {
    const version = this.#own.version + (this.#timer === undefined ? 0 : 1);
    if (this.#isSettled(version)) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = this.#options.clock.setTimer(timeoutMs, () => this.#finish(waiter, false));
      const waiter: Waiter = { version, resolve, timer };
      this.#waiters.add(waiter);
    });
  }

  /** Versions of what the clients want that a broker has not said to route by. */
  lagOf(node: string): number {
    return this.#own.version - (this.#applied.get(node) ?? 0);
  }

  #announce(): void {
    this.#timer = undefined;
    const { flood, onChanged } = this.#options;
    const frames = this.#own.update(this.#cover.takeChanges());
    flood(frames);
    onChanged(this.#own.version, this.#own.hash);
    // When all that came is covered by what was told before, there is no new version to wait for.
    for (const waiter of this.#waiters) waiter.version = Math.min(waiter.version, this.#own.version);
    this.#check();
  }

  #check(): void {
    for (const waiter of [...this.#waiters]) if (this.#isSettled(waiter.version)) this.#finish(waiter, true);
  }

  #isSettled(version: number): boolean {
    return this.#options.reachable().every((node) => (this.#applied.get(node) ?? 0) >= version);
  }

  #finish(waiter: Waiter, isSettled: boolean): void {
    if (!this.#waiters.delete(waiter)) return;
    waiter.timer.cancel();
    waiter.resolve(isSettled);
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
