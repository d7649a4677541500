import { Duplex } from 'node:stream';
import { LatticeError } from '../../core/errors/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';
import type { PacketLane } from './lane.ts';
import { Outbox, TurnEnd } from './outbox.ts';
import { type PacketLimits, PacketScanner } from './scanner.ts';
import type { Violation } from './violation.ts';

export interface StrictOptions extends PacketLimits {
  /** How long a client may take to its whole CONNECT; no limit when left out. */
  connectTimeoutMs?: number;
  clock: Clock;
  /** Told once, when the broker has accepted the CONNECT. */
  onAccepted?: () => void;
  /** Shared by the connections whose writes go out together. Default: one of its own. */
  turnEnd?: TurnEnd;
  /** Where the chunks of the socket come from, when they are gone as soon as they are taken. Default: its `data`, to keep. */
  onChunk?: ((callback: (chunk: Buffer) => void) => void) | undefined;
}

/** What stands between a client's socket and the broker. */
export interface StrictStream extends Duplex {
  /** What the broker writes goes through it, in order with what others put there. */
  readonly outbox: Outbox;
  /** Offers packets to a lane before the reader of the stream. */
  useLane(lane: PacketLane): void;
  /** Reads on after the lane has wanted no more. */
  readOn(): void;
}

export interface ViolationContext {
  /** The client id of CONNECT; undefined when none has come, empty when the broker makes one up. */
  clientId: string | undefined;
}

/** How long a refused client has to read its CONNACK. */
const REFUSAL_LINGER_MS = 1_000;
const CONNACK_BYTES = 4;

/**
 * Stands between a client's socket and the broker. What the broker reads are whole packets that MQTT 3.1 or 3.1.1 allows;
 * what it writes goes through untouched; backpressure, end, close and errors pass both ways.
 *
 * At the first violation onViolation is called, once, with PACKET_MALFORMED, PACKET_TOO_LARGE, PROTOCOL_UNSUPPORTED or
 * CONNECT_TIMEOUT. Nothing of the bad packet reaches the broker, the socket is destroyed (after a CONNACK, where the
 * standard wants one) and the broker sees its end of the connection close, without an error. Valid packets just in front of
 * the bad one may be lost with it; none of them has been acknowledged.
 *
 * Behind CONNECT nothing more is read until the broker has written a CONNACK that accepts it, so that a client which is
 * not authenticated costs at most connectPacketBytesMax and one chunk of the socket.
 */
export function strictDuplex(
  socket: Duplex,
  options: StrictOptions,
  onViolation: (violation: LatticeError, context: ViolationContext) => void,
): StrictStream {
  return new StrictDuplex(socket, options, onViolation);
}

class StrictDuplex extends Duplex implements StrictStream {
  readonly outbox: Outbox;
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #scanner: PacketScanner;
  readonly #onViolation: (violation: LatticeError, context: ViolationContext) => void;
  readonly #onAccepted: (() => void) | undefined;
  #connectTimer: Timer | undefined;
  #connectSeen = false;
  /** Whether the chunk at hand is gone when it has been taken. */
  #isPassing = false;
  /** Whether CONNECT has passed and its CONNACK has not. */
  #awaitsConnack = false;
  /** The first bytes that the broker wrote, until they make a CONNACK; then undefined. */
  #connack: number[] | undefined = [];
  /** What came behind CONNECT in the same chunk. */
  #held: Buffer | undefined;
  #pendingWrite: ((error?: Error | null) => void) | undefined;
  #socketEnded = false;
  #refused = false;
  #lane: PacketLane | undefined;
  /** Whether the reader of the stream, and the lane, have room for more. */
  #readerWantsMore = true;
  #laneWantsMore = true;

  constructor(
    socket: Duplex,
    options: StrictOptions,
    onViolation: (violation: LatticeError, context: ViolationContext) => void,
  ) {
    super({
      readableHighWaterMark: socket.readableHighWaterMark,
      writableHighWaterMark: socket.writableHighWaterMark,
      decodeStrings: true,
    });
    this.#socket = socket;
    this.outbox = new Outbox(socket, options.turnEnd ?? new TurnEnd());
    this.#clock = options.clock;
    this.#scanner = new PacketScanner(options);
    this.#onViolation = onViolation;
    this.#onAccepted = options.onAccepted;
    if (options.connectTimeoutMs !== undefined) {
      const timeoutMs = options.connectTimeoutMs;
      this.#connectTimer = options.clock.setTimer(timeoutMs, () => {
        this.#violate({ error: new LatticeError('CONNECT_TIMEOUT', `No CONNECT within ${timeoutMs} ms.`) });
      });
    }
    if (options.onChunk === undefined) socket.on('data', this.#onData);
    else options.onChunk((chunk) => this.#onPassing(chunk));
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  useLane(lane: PacketLane): void {
    this.#lane = lane;
    this.#scanner.lane = lane;
  }

  readOn(): void {
    this.#laneWantsMore = true;
    this.#resumeIfWanted();
  }

  #onPassing(chunk: Buffer): void {
    this.#isPassing = true;
    if (this.#refused === false) this.#onData(chunk);
    this.#isPassing = false;
  }

  readonly #onData = (chunk: Buffer): void => {
    const { runs, consumed, violation } = this.#scanner.feed(chunk);
    for (const run of runs) this.#readerWantsMore = this.push(this.#isPassing ? Buffer.from(run) : run);
    if (this.#lane !== undefined) this.#laneWantsMore = this.#lane.chunkDone();
    if (violation !== undefined) {
      this.#violate(violation);
      return;
    }
    if (this.#scanner.connect !== undefined && !this.#connectSeen) {
      this.#connectSeen = true;
      this.#awaitsConnack = true;
      this.#connectTimer?.cancel();
    }
    if (consumed < chunk.length) {
      const rest = chunk.subarray(consumed);
      this.#held = this.#isPassing ? Buffer.from(rest) : rest;
    }
    if (!this.#readerWantsMore || !this.#laneWantsMore || this.#awaitsConnack) this.#socket.pause();
  };

  readonly #onEnd = (): void => {
    this.#socketEnded = true;
    if (!this.#refused && this.#held === undefined) this.push(null);
  };

  readonly #onError = (error: Error): void => {
    this.destroy(this.#refused ? undefined : error);
  };

  readonly #onClose = (): void => {
    this.#writeDone(new LatticeError('UNREACHABLE', 'The client closed the connection.'));
    // What the client sent before it closed is still to be read.
    if (this.#socketEnded && !this.#refused && !this.readableEnded) this.once('end', () => this.destroy());
    else this.destroy();
  };

  override _read(): void {
    this.#readerWantsMore = true;
    this.#resumeIfWanted();
  }

  #resumeIfWanted(): void {
    const isWanted = this.#readerWantsMore && this.#laneWantsMore;
    if (isWanted && !this.#awaitsConnack && !this.#refused && this.#socket.isPaused()) this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#watchForConnack(chunk);
    this.outbox.write(chunk);
    this.#passOn(done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    for (const { chunk } of chunks) {
      this.#watchForConnack(chunk);
      this.outbox.write(chunk);
    }
    this.#passOn(done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.outbox.close();
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#connectTimer?.cancel();
    this.#held = undefined;
    this.outbox.close();
    if (!this.#refused) this.#socket.destroy();
    done(error);
  }

  /** Backpressure towards the client: a write is done once the socket has room for the next. */
  #passOn(done: (error?: Error | null) => void): void {
    if (!this.outbox.isBlocked) {
      done();
      return;
    }
    this.#pendingWrite = done;
    this.#socket.once('drain', this.#onDrain);
  }

  readonly #onDrain = (): void => this.#writeDone(null);

  #writeDone(error: Error | null): void {
    const done = this.#pendingWrite;
    this.#pendingWrite = undefined;
    this.#socket.removeListener('drain', this.#onDrain);
    done?.(error);
  }

  /** The broker's first packet is its CONNACK, section 3.2: type 2, length 2, session present, return code. */
  #watchForConnack(chunk: Buffer): void {
    if (this.#connack === undefined) return;
    for (const byte of chunk.subarray(0, CONNACK_BYTES - this.#connack.length)) this.#connack.push(byte);
    if (this.#connack.length < CONNACK_BYTES) return;
    const accepted = this.#connack[0] === 0x20 && this.#connack[3] === 0;
    this.#connack = undefined;
    if (accepted) this.#goOn();
  }

  #goOn(): void {
    this.#awaitsConnack = false;
    this.#onAccepted?.();
    this.#socket.resume();
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#onData(held);
    if (this.#socketEnded && !this.#refused && !this.destroyed) this.push(null);
  }

  #violate({ error, connackCode }: Violation): void {
    if (this.#refused || this.destroyed) return;
    this.#refused = true;
    this.#socket.removeListener('data', this.#onData);
    this.outbox.close();
    this.#onViolation(error, { clientId: this.#scanner.connect?.clientId });
    if (connackCode === undefined) this.#socket.destroy();
    else this.#refuse(connackCode);
    this.destroy();
  }

  /** Sends the CONNACK and closes. Input is read and thrown away meanwhile: unread input would turn the close into a reset. */
  #refuse(connackCode: number): void {
    const socket = this.#socket;
    const timer = this.#clock.setTimer(REFUSAL_LINGER_MS, () => socket.destroy());
    socket.once('close', () => timer.cancel());
    socket.end(Uint8Array.of(0x20, 2, 0, connackCode));
    socket.resume();
  }
}
