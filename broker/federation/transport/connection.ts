import type { Duplex } from 'node:stream';
import { LatticeError, messageOf } from '../../../core/errors/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import { FRAME_BYTES_MAX, type Frame, FrameReader } from '../wire/index.ts';
import { linkError } from './link-error.ts';

/** How long the other end has to read why it was refused. */
const LINGER_MS = 1_000;
/** Over WebSocket each write is a message, which the other end takes whole; so this bounds what it keeps for a stranger. */
export const WRITE_BYTES_MAX = 64 * 1024;

/**
 * A stream (TCP, TLS or WebSocket) that speaks frames. Calls onFrame for each, and onClose once, with what ended it:
 * LINK_DOWN, LINK_CERTIFICATE or LINK_PROTOCOL. What is sent in one tick is written together.
 */
export class Connection {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #reader = new FrameReader();
  /** The other end's address, for the log. */
  readonly remoteAddress: string;
  #isOver = false;
  #isCorked = false;
  onFrame: (frame: Frame) => void = () => {};
  onClose: (error: LatticeError) => void = () => {};
  /** Everything that was sent has left, after there was more than the stream likes to hold. */
  onDrain: () => void = () => {};

  constructor(stream: Duplex, clock: Clock, remoteAddress: string) {
    this.#stream = stream;
    this.#clock = clock;
    this.remoteAddress = remoteAddress;
    stream.on('data', (chunk: Buffer) => this.#onData(chunk));
    stream.on('drain', () => {
      if (!this.#isOver) this.onDrain();
    });
    stream.on('error', (cause) => this.#over(linkError(cause)));
    stream.on('close', () => this.#over(new LatticeError('LINK_DOWN', 'The other broker closed the connection.')));
    stream.on('end', () => stream.destroy());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Bytes that were sent and wait for the system to take them. */
  get writableBytes(): number {
    return this.#stream.writableLength;
  }

  /** Allows frames of full size, once the other end is known. */
  trust(): void {
    this.#reader.frameBytesMax = FRAME_BYTES_MAX;
  }

  /** Keeps frames back until the function that is returned is called. */
  holdFrames(): () => void {
    const held: Frame[] = [];
    this.onFrame = (frame) => held.push(frame);
    return () => {
      for (const frame of held) this.onFrame(frame);
    };
  }

  send(frame: Buffer): void {
    if (this.#isOver) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#stream.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#stream.uncork();
      });
    }
    for (let at = 0; at < frame.length; at += WRITE_BYTES_MAX) {
      this.#stream.write(frame.length <= WRITE_BYTES_MAX ? frame : frame.subarray(at, at + WRITE_BYTES_MAX));
    }
  }

  /** Sends a last frame if there is one, behind those that wait, and closes. Without one nothing that waits is sent. onClose is not called. */
  close(lastFrame?: Buffer): void {
    if (this.#isOver) return;
    if (lastFrame !== undefined) this.send(lastFrame);
    this.#isOver = true;
    if (lastFrame === undefined) {
      this.#stream.destroy();
      return;
    }
    // What still comes in is read and thrown away: unread, it would turn the close into a reset that overtakes the frame.
    const timer = this.#clock.setTimer(LINGER_MS, () => this.#stream.destroy());
    this.#stream.once('close', () => timer.cancel());
    this.#stream.end();
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return;
    try {
      for (const frame of this.#reader.feed(chunk)) {
        this.onFrame(frame);
        if (this.#isOver) return;
      }
    } catch (error) {
      this.#over(
        error instanceof LatticeError ? error : new LatticeError('INTERNAL', messageOf(error), { cause: error }),
      );
    }
  }

  #over(error: LatticeError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#stream.destroy();
    this.onClose(error);
  }
}
