import { LatticeError } from '../../../core/errors/index.ts';
import type { PeerId, StreamListener, TransportCounters } from '../types.ts';
import { CHUNK_BYTES_MAX, type Frame, frameFault, REASON_BYTES_MAX, STREAM_WINDOW_BYTES } from '../wire/index.ts';
import type { Connection } from './connection.ts';

export interface IncomingStreamsOptions {
  peer: PeerId;
  connection: Connection;
  streamsMax: number;
  counters: TransportCounters;
  listenerOf: (channel: string) => StreamListener | undefined;
}

/** The streams that we receive over one connection. Each holds at most a window of bytes that its listener has not taken. */
export class IncomingStreams {
  readonly #options: IncomingStreamsOptions;
  readonly #streams = new Map<number, IncomingStream>();

  constructor(options: IncomingStreamsOptions) {
    this.#options = options;
  }

  /** With the stamp if it was not refused. */
  begin(
    { stream: id, channel, body: meta }: Extract<Frame, { kind: 'streamBegin' }>,
    stampMs: number | undefined,
  ): void {
    const { peer, counters, listenerOf, streamsMax } = this.#options;
    if (this.#streams.has(id)) throw frameFault(`Stream ${id} began twice.`);
    const listener = listenerOf(channel);
    if (listener === undefined) {
      counters.droppedNoListener += 1;
      this.#refuse(id, `nobody listens to ${channel}.`);
      return;
    }
    if (this.#streams.size >= streamsMax) {
      this.#refuse(id, `${streamsMax} streams are under way.`);
      return;
    }
    const stream = new IncomingStream((bytes) => this.#send({ kind: 'streamTaken', stream: id, bytes }));
    this.#streams.set(id, stream);
    void this.#serve(id, stream, () => listener(peer, meta, stream.chunks(), stampMs));
  }

  /** A stream that was refused or has failed is unknown here; its sender learns that in a moment. */
  chunk({ stream: id, body }: Extract<Frame, { kind: 'streamChunk' }>): void {
    if (body.length === 0 || body.length > CHUNK_BYTES_MAX) throw frameFault(`A chunk of ${body.length} bytes.`);
    this.#streams.get(id)?.push(body);
  }

  end(id: number): void {
    this.#streams.get(id)?.end();
  }

  abort(id: number): void {
    this.#streams.get(id)?.breakOff('Its sender gave it up.');
  }

  /** The connection has ended. */
  abortAll(): void {
    for (const stream of this.#streams.values()) stream.breakOff('The connection ended.');
  }

  async #serve(id: number, stream: IncomingStream, listen: () => Promise<void>): Promise<void> {
    const { counters } = this.#options;
    try {
      await listen();
      if (!stream.isRead) throw new LatticeError('RPC_FAILED', 'It was not read to its end.');
      counters.streamsReceived += 1;
      this.#streams.delete(id);
      this.#send({ kind: 'streamDone', stream: id });
    } catch (error) {
      this.#streams.delete(id);
      this.#refuse(id, error instanceof LatticeError ? error.message : 'a fault of the receiver.');
    }
  }

  #refuse(stream: number, reason: string): void {
    this.#options.counters.streamsFailed += 1;
    const bytes = Buffer.from(reason);
    const fits = bytes.length <= REASON_BYTES_MAX ? reason : 'its receiver says so at length.';
    this.#send({ kind: 'streamFailed', stream, reason: fits });
  }

  #send(frame: Frame): void {
    this.#options.connection.send(frame);
  }
}

class IncomingStream {
  readonly #onTaken: (bytes: number) => void;
  readonly #held: Buffer[] = [];
  #heldBytes = 0;
  #isEnded = false;
  #broken: LatticeError | undefined;
  #wake: () => void = () => {};
  /** Its listener has seen all of it. */
  isRead = false;

  constructor(onTaken: (bytes: number) => void) {
    this.#onTaken = onTaken;
  }

  push(chunk: Buffer): void {
    if (this.#isEnded || this.#heldBytes + chunk.length > STREAM_WINDOW_BYTES) {
      throw frameFault('A stream goes on behind its end, or past its window.');
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    this.#wake();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  breakOff(detail: string): void {
    this.#broken = new LatticeError('RPC_UNREACHABLE', `A stream broke off. ${detail}`);
    this.#wake();
  }

  async *chunks(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#broken !== undefined) throw this.#broken;
      const chunk = this.#held.shift();
      if (chunk !== undefined) {
        this.#heldBytes -= chunk.length;
        this.#onTaken(chunk.length);
        yield chunk;
      } else if (this.#isEnded) {
        this.isRead = true;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
