import type { Duplex } from 'node:stream';

/** What one packet of acknowledgements or a few need; kept by each connection. */
const SMALL_BYTES = 512;
/** What a turn may gather for one connection before it is written at once. */
const LARGE_BYTES = 64 * 1_024;
const POOLED_MAX = 16;

/** Writes what connections have gathered, once each, when the present turn of the event loop ends. */
export class TurnEnd {
  #outboxes: Outbox[] = [];
  readonly #large: Buffer[] = [];

  add(outbox: Outbox): void {
    this.#outboxes.push(outbox);
    if (this.#outboxes.length === 1) setImmediate(() => this.#flush());
  }

  takeBuffer(): Buffer {
    return this.#large.pop() ?? Buffer.allocUnsafeSlow(LARGE_BYTES);
  }

  returnBuffer(buffer: Buffer): void {
    if (buffer.length === LARGE_BYTES && this.#large.length < POOLED_MAX) this.#large.push(buffer);
  }

  #flush(): void {
    const outboxes = this.#outboxes;
    this.#outboxes = [];
    for (const outbox of outboxes) outbox.flush();
  }
}

/**
 * Gathers what is written to one client, so that a turn of the event loop costs one write. At most 64 KiB and one packet are
 * gathered; beyond that it is written before the turn ends. Whoever writes packets of their own accord asks `isBlocked` first.
 */
export class Outbox {
  readonly #socket: Duplex;
  readonly #turnEnd: TurnEnd;
  #small: Buffer | undefined;
  #isScheduled = false;
  #isClosed = false;
  #bytes = 0;
  /** Where the bytes go that reserve() has given out. */
  buffer: Buffer = EMPTY;

  constructor(socket: Duplex, turnEnd: TurnEnd) {
    this.#socket = socket;
    this.#turnEnd = turnEnd;
  }

  /** Whether the client reads more slowly than it is written to. */
  get isBlocked(): boolean {
    return this.#isClosed || this.#socket.writableNeedDrain || this.#socket.destroyed;
  }

  /** Makes room for so many bytes, which the caller writes into `buffer` from the offset returned, before anything else happens. */
  reserve(bytes: number): number {
    const at = this.#bytes;
    if (at + bytes > this.buffer.length) return this.#reserveMore(bytes);
    if (!this.#isScheduled) this.#schedule();
    this.#bytes = at + bytes;
    return at;
  }

  write(chunk: Uint8Array): void {
    // One that fills the buffer by itself is not worth a copy.
    if (chunk.length >= LARGE_BYTES) {
      this.flush();
      if (!this.#isClosed) this.#socket.write(chunk);
      return;
    }
    const at = this.reserve(chunk.length);
    this.buffer.set(chunk, at);
  }

  /** Writes what was gathered now. */
  flush(): void {
    this.#isScheduled = false;
    const bytes = this.#bytes;
    if (bytes === 0) return;
    const { buffer } = this;
    this.#bytes = 0;
    this.buffer = this.#small ?? EMPTY;
    const isOpen = !this.#isClosed && !this.#socket.destroyed && !this.#socket.writableEnded;
    if (isOpen) this.#socket.write(buffer.subarray(0, bytes));
    // What the socket has not passed on yet belongs to it.
    const isFree = !isOpen || this.#socket.writableLength === 0;
    if (buffer === this.#small) {
      if (!isFree) {
        this.#small = undefined;
        this.buffer = EMPTY;
      }
    } else if (isFree) {
      this.#turnEnd.returnBuffer(buffer);
    }
  }

  onceDrained(callback: () => void): void {
    this.#socket.once('drain', callback);
  }

  offDrained(callback: () => void): void {
    this.#socket.removeListener('drain', callback);
  }

  /** Writes what was gathered, and nothing any more. */
  close(): void {
    this.flush();
    this.#isClosed = true;
  }

  #reserveMore(bytes: number): number {
    if (this.#bytes + bytes > LARGE_BYTES) this.flush();
    const gathered = this.#bytes;
    if (gathered + bytes > this.buffer.length) {
      const grown = this.#bufferFor(gathered + bytes);
      this.buffer.copy(grown, 0, 0, gathered);
      this.buffer = grown;
    }
    if (!this.#isScheduled) this.#schedule();
    this.#bytes = gathered + bytes;
    return gathered;
  }

  #bufferFor(bytes: number): Buffer {
    if (bytes > LARGE_BYTES) return Buffer.allocUnsafeSlow(bytes);
    if (bytes > SMALL_BYTES) return this.#turnEnd.takeBuffer();
    this.#small ??= Buffer.allocUnsafeSlow(SMALL_BYTES);
    return this.#small;
  }

  #schedule(): void {
    this.#isScheduled = true;
    this.#turnEnd.add(this);
  }
}

const EMPTY: Buffer = Buffer.alloc(0);
