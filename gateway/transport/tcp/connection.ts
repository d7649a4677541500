import type { Socket } from 'node:net';
import { FrameCutter } from '../../../core/bytes/index.ts';
import { errnoOf, LatticeError, messageOf } from '../../../core/errors/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { TransportCounters } from '../types.ts';
import {
  decodeFrame,
  decodeHandshake,
  encodeHandshake,
  encodeHead,
  FRAME_BYTES_MAX,
  type Frame,
  frameFault,
  HANDSHAKE_FRAME_BYTES_MAX,
  type HandshakeFrame,
  lengthPrefix,
  Opener,
  Sealer,
  type SessionKeys,
} from '../wire/index.ts';

/** How long the other end has to read why it was refused. */
const LINGER_MS = 1_000;

export interface Ending {
  /** RPC_UNREACHABLE, PEER_FRAME_INVALID, or INTERNAL when a listener threw something else. */
  error: LatticeError;
  /** The other end closed or reset the connection. */
  byRemote: boolean;
}

/**
 * A socket that speaks the handshake in the open, and sealed frames from secure() on. Calls onClose once with what ended it,
 * unless close() did. What is sent in one tick is written together.
 */
export class Connection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #counters: TransportCounters;
  readonly #cutter = new FrameCutter(HANDSHAKE_FRAME_BYTES_MAX, frameFault);
  #sealer: Sealer | undefined;
  #opener: Opener | undefined;
  #isOver = false;
  #isCorked = false;
  /** The other end's address, for the log. */
  readonly remoteAddress: string;
  onHandshake: (frame: HandshakeFrame) => void = () => {};
  onFrame: (frame: Frame) => void = () => {};
  onDrain: () => void = () => {};
  onClose: (ending: Ending) => void = () => {};

  constructor(socket: Socket, clock: Clock, counters: TransportCounters, remoteAddress: string) {
    this.#socket = socket;
    this.#clock = clock;
    this.#counters = counters;
    this.remoteAddress = remoteAddress;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('drain', () => {
      if (!this.#isOver) this.onDrain();
    });
    socket.on('error', (cause) => {
      const byRemote = ['ECONNRESET', 'EPIPE'].includes(errnoOf(cause) ?? '');
      this.#over({ error: unreachable(`${messageOf(cause)}.`, cause), byRemote });
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () =>
      this.#over({ error: unreachable('The other gateway closed the connection.'), byRemote: true }),
    );
  }

  /** Bytes that were sent and wait for the system to take them. */
  get writableBytes(): number {
    return this.#socket.writableLength;
  }

  sendHandshake(frame: HandshakeFrame): void {
    const content = encodeHandshake(frame);
    this.#write(Buffer.concat([lengthPrefix(content.length), content]));
  }

  /** Both ends are known: from here on, both ways, there are sealed frames alone. */
  secure({ send, receive }: SessionKeys): void {
    this.#sealer = new Sealer(send);
    this.#opener = new Opener(receive);
    this.#cutter.frameBytesMax = FRAME_BYTES_MAX;
  }

  /** Of a secured connection. */
  send(frame: Frame<Uint8Array>): void {
    if (this.#isOver || this.#sealer === undefined) return;
    this.#write(this.#sealer.seal(encodeHead(frame), 'body' in frame ? frame.body : undefined));
  }

  /** Sends a last frame of the handshake if there is one, and closes. onClose is not called. Safe twice. */
  close(lastFrame?: HandshakeFrame): void {
    if (this.#isOver) return;
    if (lastFrame !== undefined) this.sendHandshake(lastFrame);
    this.#isOver = true;
    if (lastFrame === undefined) {
      this.#socket.destroy();
      return;
    }
    // What still comes in is read and thrown away: unread, it would turn the close into a reset that overtakes the frame.
    const timer = this.#clock.setTimer(LINGER_MS, () => this.#socket.destroy());
    this.#socket.once('close', () => timer.cancel());
    this.#socket.end();
  }

  /** Ends it as if the socket had: onClose is called. */
  abandon(error: LatticeError): void {
    this.#over({ error, byRemote: false });
  }

  #write(bytes: Buffer): void {
    if (this.#isOver) return;
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#isCorked = false;
        this.#socket.uncork();
      });
    }
    this.#counters.bytesSent += bytes.length;
    this.#socket.write(bytes);
  }

  #onData(chunk: Buffer): void {
    if (this.#isOver) return;
    this.#counters.bytesReceived += chunk.length;
    try {
      for (const content of this.#cutter.feed(chunk)) {
        if (this.#opener === undefined) this.onHandshake(decodeHandshake(content));
        else this.onFrame(decodeFrame(this.#opener.open(content)));
        if (this.#isOver) return;
      }
    } catch (error) {
      const coded =
        error instanceof LatticeError ? error : new LatticeError('INTERNAL', messageOf(error), { cause: error });
      this.abandon(coded);
    }
  }

  #over(ending: Ending): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#socket.destroy();
    this.onClose(ending);
  }
}

function unreachable(detail: string, cause?: unknown): LatticeError {
  return new LatticeError('RPC_UNREACHABLE', detail, { cause });
}
