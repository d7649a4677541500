import type { Socket } from 'node:net';
import { LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { FRAME_BYTES_MAX, type Frame, FrameReader } from './frames.ts';

/** How long the other end has to read why it was refused. */
const LINGER_MS = 1_000;

/** A socket that speaks frames. Calls onFrame for each, and onClose once, with what ended it. */
export class Connection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #reader = new FrameReader();
  #isOver = false;
  onFrame: (frame: Frame) => void = () => {};
  onClose: (error: LatticeError) => void = () => {};

  constructor(socket: Socket, clock: Clock) {
    this.#socket = socket;
    this.#clock = clock;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('error', (cause) => this.#over(new LatticeError('LINK_DOWN', `${messageOf(cause)}.`, { cause })));
    socket.on('close', () => this.#over(new LatticeError('LINK_DOWN', 'The other broker closed the connection.')));
    socket.on('end', () => socket.destroy());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? 'unknown';
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
    if (!this.#isOver) this.#socket.write(frame);
  }

  /** Sends a last frame if there is one, and closes. onClose is not called. */
  close(lastFrame?: Buffer): void {
    if (this.#isOver) return;
    this.#isOver = true;
    if (lastFrame === undefined) {
      this.#socket.destroy();
      return;
    }
    // What still comes in is read and thrown away: unread, it would turn the close into a reset that overtakes the frame.
    const timer = this.#clock.setTimer(LINGER_MS, () => this.#socket.destroy());
    this.#socket.once('close', () => timer.cancel());
    this.#socket.end(lastFrame);
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
    this.#socket.destroy();
    this.onClose(error);
  }
}
