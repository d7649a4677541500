import type { Socket } from 'node:net';
import type { Random } from '../../core/random/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';

/** What is wrong with one direction of a network. */
export interface Impairment {
  /** How long a byte is under way. */
  delayMs: number;
  /** Added to the delay: uniform in [0, jitterMs), drawn anew for each segment. Order is kept, as TCP keeps it. */
  jitterMs: number;
  /** Shared by all connections. */
  bytesPerSecondMax: number;
  /**
   * Bytes and FINs are lost, and nobody is told. A stream that has lost a byte never goes on, not even after this is switched
   * off: TCP delivers no stream with a hole.
   */
  isSilent: boolean;
}

export const UNIMPAIRED: Impairment = {
  delayMs: 0,
  jitterMs: 0,
  bytesPerSecondMax: Number.POSITIVE_INFINITY,
  isSilent: false,
};

/** One direction of the network, for all connections through it. */
export interface Line {
  impairment: Impairment;
  /** Bytes that it has handed over. */
  bytes: number;
  /** Most bytes that one connection had under way at once. */
  heldBytesPeak: number;
  /** When it has sent the last byte that it was given, at bytesPerSecondMax. */
  freeAtMs: number;
}

interface Held {
  /** None for a FIN. */
  chunk: Buffer | undefined;
  dueMs: number;
}

/** Above this a connection's sender is not read any more, and feels it as it would a full pipe. */
const HELD_BYTES_MAX = 1024 * 1024;
/**
 * A jitter is drawn for every so many bytes of the stream and not for every chunk: where chunks end is the kernel's choice,
 * and would make each run of a seed another.
 */
const SEGMENT_BYTES = 1_460;

/** Carries one direction of one connection over a line. Jitter comes from the random stream, which is this lane's own. */
export class FaultLane {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #random: Random;
  /** Told of bytes about to be handed over; says how many of them may be. */
  readonly #allow: (bytes: number) => number;
  readonly #held: Held[] = [];
  #heldBytes = 0;
  #taken = 0;
  #segments = 0;
  /** Of the current segment, as a part of jitterMs. */
  #jitter = 0;
  #lastDueMs = 0;
  #hasHole = false;
  #timer: Timer | undefined;

  constructor(
    [from, to]: readonly [Socket, Socket],
    line: Line,
    { clock, random, allow }: { clock: Clock; random: Random; allow: (bytes: number) => number },
  ) {
    this.#from = from;
    this.#to = to;
    this.#line = line;
    this.#clock = clock;
    this.#random = random;
    this.#allow = allow;
    from.on('data', (chunk) => this.#take(chunk));
    from.on('end', () => this.#take(undefined));
    from.on('close', (hadError) => this.#closed(hadError));
    to.on('drain', () => this.#pace());
    to.on('close', () => this.#timer?.cancel());
  }

  #take(chunk: Buffer | undefined): void {
    if (this.#hasHole || this.#line.impairment.isSilent) {
      this.#hasHole = true;
      return;
    }
    const nowMs = this.#clock.monotonicMs();
    const dueMs = this.#dueMs(chunk?.length ?? 0, nowMs);
    if (this.#held.length === 0 && dueMs <= nowMs) {
      this.#handOver(chunk);
      return;
    }
    this.#held.push({ chunk, dueMs });
    this.#heldBytes += chunk?.length ?? 0;
    this.#line.heldBytesPeak = Math.max(this.#line.heldBytesPeak, this.#heldBytes);
    if (this.#held.length === 1) this.#arm();
    this.#pace();
  }

  #dueMs(bytes: number, nowMs: number): number {
    const { delayMs, jitterMs, bytesPerSecondMax } = this.#line.impairment;
    this.#taken += bytes;
    for (; this.#segments * SEGMENT_BYTES < this.#taken; this.#segments++) this.#jitter = this.#random.next();
    const sentMs = Math.max(nowMs, this.#line.freeAtMs) + (bytes * 1_000) / bytesPerSecondMax;
    this.#line.freeAtMs = sentMs;
    this.#lastDueMs = Math.max(this.#lastDueMs, sentMs + delayMs + jitterMs * this.#jitter);
    return this.#lastDueMs;
  }

  #arm(): void {
    const [first] = this.#held;
    if (first === undefined || this.#to.destroyed) return;
    this.#timer = this.#clock.setTimer(Math.max(0, first.dueMs - this.#clock.monotonicMs()), () => {
      const nowMs = this.#clock.monotonicMs();
      while (this.#held[0] !== undefined && this.#held[0].dueMs <= nowMs) {
        const { chunk } = this.#held.shift()!;
        this.#heldBytes -= chunk?.length ?? 0;
        // What was under way when the line went silent is lost with it.
        if (this.#line.impairment.isSilent) this.#hasHole = true;
        if (!this.#hasHole) this.#handOver(chunk);
      }
      this.#pace();
      this.#arm();
    });
  }

  #handOver(chunk: Buffer | undefined): void {
    if (this.#to.destroyed) return;
    if (chunk === undefined) {
      this.#to.end();
      return;
    }
    const bytes = this.#allow(chunk.length);
    this.#line.bytes += bytes;
    if (!this.#to.write(chunk.subarray(0, bytes))) this.#pace();
  }

  #pace(): void {
    if (this.#heldBytes > HELD_BYTES_MAX || this.#to.writableNeedDrain) this.#from.pause();
    else this.#from.resume();
  }

  /** A reset passes at once, as one that overtakes what waits in the buffers would; a FIN has come as 'end'. */
  #closed(hadError: boolean): void {
    if (this.#line.impairment.isSilent) this.#hasHole = true;
    if (hadError && !this.#hasHole) this.#to.resetAndDestroy();
  }
}
