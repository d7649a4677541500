import { LatticeError } from '../../../core/errors/index.ts';
import type { HlcClock } from '../../../core/time/index.ts';
import type { ByteSource } from '../types.ts';
import { CHUNK_BYTES_MAX, STREAM_WINDOW_BYTES } from '../wire/index.ts';
import type { Connection } from './connection.ts';

/** The streams that we send over one connection. */
export class OutgoingStreams {
  readonly #connection: Connection;
  readonly #hlc: HlcClock;
  readonly #streams = new Map<number, OutgoingStream>();
  #lastId = 0;

  constructor(connection: Connection, hlc: HlcClock) {
    this.#connection = connection;
    this.#hlc = hlc;
  }

  /** See Transport.sendStream. */
  async send(channel: string, meta: Uint8Array, source: ByteSource): Promise<void> {
    const id = ++this.#lastId;
    const stream = new OutgoingStream(id, this.#connection);
    this.#streams.set(id, stream);
    try {
      this.#connection.send({ kind: 'streamBegin', stream: id, stampMs: this.#hlc.now(), channel, body: meta });
      await stream.run(source);
    } finally {
      this.#streams.delete(id);
    }
  }

  onTaken(id: number, bytes: number): void {
    this.#streams.get(id)?.taken(bytes);
  }

  onDone(id: number): void {
    this.#streams.get(id)?.done();
  }

  onFailed(id: number, reason: string): void {
    this.#streams.get(id)?.fail(new LatticeError('RPC_FAILED', `The stream was not taken: ${reason}`));
  }

  onDrain(): void {
    for (const stream of this.#streams.values()) stream.wake();
  }

  /** The connection has ended. */
  failAll(error: LatticeError): void {
    for (const stream of this.#streams.values()) {
      stream.fail(new LatticeError('RPC_UNREACHABLE', 'The connection ended within a stream.', { cause: error }));
    }
  }
}

class OutgoingStream {
  readonly #id: number;
  readonly #connection: Connection;
  readonly #answer = Promise.withResolvers<void>();
  /** Sent, and not yet taken by the receiver's listener. */
  #outstandingBytes = 0;
  #isOver = false;
  #wake: () => void = () => {};

  constructor(id: number, connection: Connection) {
    this.#id = id;
    this.#connection = connection;
  }

  /** Settles as soon as the receiver has spoken or the connection has ended, even if the source is not ready by then. */
  run(source: ByteSource): Promise<void> {
    const pumped = this.#pump(source).then(() => this.#answer.promise);
    return Promise.race([this.#answer.promise, pumped]);
  }

  taken(bytes: number): void {
    this.#outstandingBytes -= bytes;
    this.wake();
  }

  done(): void {
    this.#isOver = true;
    this.#answer.resolve();
  }

  fail(error: LatticeError): void {
    this.#isOver = true;
    this.#answer.reject(error);
    this.wake();
  }

  wake(): void {
    this.#wake();
  }

  async #pump(source: ByteSource): Promise<void> {
    const stream = this.#id;
    try {
      for await (const bytes of source) {
        for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
          const chunk = bytes.subarray(at, at + CHUNK_BYTES_MAX);
          await this.#room(chunk.length);
          if (this.#isOver) return;
          this.#outstandingBytes += chunk.length;
          this.#connection.send({ kind: 'streamChunk', stream, body: chunk });
        }
        if (this.#isOver) return;
      }
      this.#connection.send({ kind: 'streamEnd', stream });
    } catch (error) {
      this.#connection.send({ kind: 'streamAbort', stream });
      throw error;
    }
  }

  /**
   * Waits until the receiver has room, and until no more than a chunk waits in the socket, so that a frame that is sent in
   * between has little before it.
   */
  async #room(bytes: number): Promise<void> {
    while (
      !this.#isOver &&
      (this.#outstandingBytes + bytes > STREAM_WINDOW_BYTES || this.#connection.writableBytes > CHUNK_BYTES_MAX)
    ) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
