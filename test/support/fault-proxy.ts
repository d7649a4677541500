import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { type Random, seededRandom } from '../../core/random/index.ts';
import { type Clock, systemClock, type Timer } from '../../core/time/index.ts';
import { FaultLane, type Impairment, type Line, UNIMPAIRED } from './fault-line.ts';

export type Direction = 'toTarget' | 'fromTarget';

export interface FaultProxyOptions {
  /** Print it when a test fails: the same seed draws the same jitter and the same resets, connection by connection. */
  seed?: string | number;
  clock?: Clock;
}

/**
 * A TCP proxy that can break what goes through it: delay, jitter, a bound on bandwidth, resets, silence in one direction or
 * both. Everything can be switched while it runs; what is under way keeps the delay that it was given.
 */
export class FaultProxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  readonly #targetPort: number;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #resetRandom: Random;
  readonly #lines: Record<Direction, Line> = { toTarget: newLine(), fromTarget: newLine() };
  #isOpen = true;
  #resetTimer: Timer | undefined;
  #resetting: NodeJS.Immediate | undefined;
  /** Bytes, both ways, after which the connections are reset; counts down. */
  cutAfterBytes = Number.POSITIVE_INFINITY;
  /** Asked at each new connection for the next cutAfterBytes. */
  nextCut: (() => number) | undefined;
  connections = 0;
  resets = 0;

  private constructor(targetPort: number, { seed = 0, clock = systemClock }: FaultProxyOptions) {
    this.#targetPort = targetPort;
    this.#clock = clock;
    this.#random = seededRandom(`fault proxy/${seed}`);
    this.#resetRandom = this.#random.fork('resets');
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  static async open(targetPort: number, options: FaultProxyOptions = {}): Promise<FaultProxy> {
    const proxy = new FaultProxy(targetPort, options);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes handed over, both ways. */
  get bytes(): number {
    return this.#lines.toTarget.bytes + this.#lines.fromTarget.bytes;
  }

  bytesOf(direction: Direction): number {
    return this.#lines[direction].bytes;
  }

  /** Most bytes that one connection had under way in the proxy at once; bounded, the sender waits at the bound. */
  heldBytesPeakOf(direction: Direction): number {
    return this.#lines[direction].heldBytesPeak;
  }

  /** Changes what is given and leaves the rest as it is; both directions unless one is named. */
  impair(change: Partial<Impairment>, direction?: Direction): void {
    const directions = direction === undefined ? (['toTarget', 'fromTarget'] as const) : [direction];
    for (const each of directions) {
      const line = this.#lines[each];
      line.impairment = { ...line.impairment, ...change };
      if (change.bytesPerSecondMax !== undefined) line.freeAtMs = 0;
    }
  }

  /**
   * Resets every connection again and again: after a random number of bytes (both ways together), after a random time, or
   * whichever comes first. Both are exponential with the mean given, so that the next loss never depends on the last.
   */
  loseByReset({ bytesMean, intervalMsMean }: { bytesMean?: number; intervalMsMean?: number }): void {
    if (bytesMean !== undefined) {
      this.nextCut = () => Math.ceil(exponential(this.#resetRandom, bytesMean));
      this.cutAfterBytes = this.nextCut();
    }
    if (intervalMsMean !== undefined) {
      this.#resetTimer?.cancel();
      this.#resetTimer = this.#clock.setTimer(exponential(this.#resetRandom, intervalMsMean), () => {
        this.reset();
        this.loseByReset({ intervalMsMean });
      });
    }
  }

  /** Resets every connection, and new ones until mend(). */
  cut(): void {
    this.#isOpen = false;
    this.reset();
  }

  /** Resets every connection; new ones pass. */
  reset(): void {
    if (this.#pairs.size > 0) this.resets += 1;
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy();
      far.resetAndDestroy();
    }
    this.#pairs.clear();
  }

  /** Nothing passes any more in this direction, and nobody is told: no FIN, no RST. Connections are accepted. */
  silence(direction: Direction): void {
    this.impair({ isSilent: true }, direction);
  }

  /** Silence in both directions. */
  stall(): void {
    this.impair({ isSilent: true });
  }

  /** Ends every fault. A connection that has lost bytes stays silent: see Impairment.isSilent. */
  mend(): void {
    this.#isOpen = true;
    this.impair(UNIMPAIRED);
    this.#resetTimer?.cancel();
    this.nextCut = undefined;
    this.cutAfterBytes = Number.POSITIVE_INFINITY;
  }

  async close(): Promise<void> {
    this.#resetTimer?.cancel();
    this.cut();
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    await closed;
  }

  #accept(near: Socket): void {
    near.on('error', () => {});
    if (!this.#isOpen) {
      near.resetAndDestroy();
      return;
    }
    this.connections += 1;
    if (this.nextCut !== undefined) this.cutAfterBytes = this.nextCut();
    const far = connect({ port: this.#targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    far.on('error', () => {});
    const pair = [near, far] as const;
    this.#pairs.add(pair);
    const forget = (): void => {
      if (near.closed && far.closed) this.#pairs.delete(pair);
    };
    near.on('close', forget);
    far.on('close', forget);
    const random = this.#random.fork(`connection ${this.connections}`);
    const allow = (bytes: number): number => this.#allow(bytes);
    const lane = (direction: Direction) => ({ clock: this.#clock, random: random.fork(direction), allow });
    new FaultLane([near, far], this.#lines.toTarget, lane('toTarget'));
    new FaultLane([far, near], this.#lines.fromTarget, lane('fromTarget'));
  }

  #allow(bytes: number): number {
    const allowed = Math.min(bytes, this.cutAfterBytes);
    this.cutAfterBytes -= allowed;
    if (allowed < bytes && this.#resetting === undefined) {
      // Not at once: what was handed over last should leave first. Until then no byte more passes.
      this.#resetting = setImmediate(() => {
        this.#resetting = undefined;
        this.reset();
        this.cutAfterBytes = Number.POSITIVE_INFINITY;
      });
    }
    return allowed;
  }
}

function newLine(): Line {
  return { impairment: UNIMPAIRED, bytes: 0, heldBytesPeak: 0, freeAtMs: 0 };
}

function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random.next());
}
