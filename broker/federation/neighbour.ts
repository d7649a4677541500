import { LatticeError } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { LinkCounters, LinkLimits } from './limits.ts';
import type { LinkFilters } from './link-filters.ts';
import {
  type Ack,
  type ControlFrame,
  DataDecoder,
  DataEncoder,
  type DataFrame,
  type Datagram,
  decodeAck,
  decodeControl,
  decodeCredit,
  decodeDatagram,
  encodeAck,
  encodeControl,
  encodeCredit,
  encodeDatagram,
  FRAME_BYTES_MAX,
  FRAME_HEADER_BYTES,
  type Frame,
  linkProtocolError,
} from './wire/index.ts';

/** What a node does with what a neighbour sends. */
export interface NeighbourEvents {
  /** Resolves when the frame is dealt with: durable, or passed on. */
  onData(neighbour: Neighbour, frame: DataFrame): Promise<void> | undefined;
  onAck(neighbour: Neighbour, ack: Ack): void;
  onDatagram(neighbour: Neighbour, datagram: Datagram): void;
  onControl(neighbour: Neighbour, frame: ControlFrame): void;
  /** Frames of the comparison of retained messages. */
  onRetained(neighbour: Neighbour, frame: Frame): Promise<void>;
  /** There is room for data again. */
  onRoom(neighbour: Neighbour): void;
  /** The clock of the stamps, for PING. */
  stampMs(): number;
  observeStampMs(stampMs: number, peer: string): void;
}

export interface NeighbourOptions {
  peer: string;
  limits: LinkLimits;
  counters: LinkCounters;
  filters: LinkFilters;
  clock: Clock;
  compression: { compresses: boolean; accepts: readonly string[] };
  events: NeighbourEvents;
  send: (frame: Buffer) => void;
  /** Bytes that wait in the connection. */
  writableBytes: () => number;
  /** Ends the connection; called at most once. */
  fail: (error: LatticeError) => void;
}

/** Bytes that may wait in the connection before data waits here, where what is more urgent can overtake it. */
const SOCKET_BYTES_MAX = 256 * 1024;
const CREDIT_SHARE = 4;
/** Bytes that may wait in the connection at all: what is outside of the credit is cut off there. */
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
/** Bytes of a comparison of retained messages that may wait; what is beyond is found by the next one. */
const BULK_BYTES_MAX = 64 * 1024 * 1024;

/**
 * One end of one connection, from the end of the handshake to its own: frames and ticks in, frames out. It knows neither
 * sockets nor routes. Data goes out within the credit that the other end has granted; control frames and acknowledgements go
 * out at once.
 */
export class Neighbour {
  readonly #options: NeighbourOptions;
  readonly #encoder: DataEncoder;
  readonly #decoder = new DataDecoder();
  #queue: { frame: DataFrame; bytes: number }[] = [];
  #queuedBytes = 0;
  #bulk: Buffer[] = [];
  #bulkBytes = 0;
  /** Bytes of data that the other end still takes. */
  #credit = 0;
  /** Bytes that came and were not granted again: those at hand, and those since the last grant. */
  #uncredited = 0;
  #consumed = 0;
  #isOver = false;
  #heardAtMs: number;
  #tickedAtMs: number;
  /** The last tick came late, and silence was not judged. */
  #isExcused = false;
  #pingedAtMs: number;
  #pingId = 0;
  #roundTripMs: number | undefined;

  constructor(options: NeighbourOptions) {
    this.#options = options;
    this.#encoder = new DataEncoder(options.compression);
    this.#heardAtMs = options.clock.monotonicMs();
    this.#pingedAtMs = this.#heardAtMs;
    this.#tickedAtMs = this.#heardAtMs;
  }

  get peer(): string {
    return this.#options.peer;
  }

  get filters(): LinkFilters {
    return this.#options.filters;
  }

  get counters(): LinkCounters {
    return this.#options.counters;
  }

  /** Round trip of the last ping, ms; undefined before the first. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  get creditBytes(): number {
    return this.#credit;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  /** Whether data may be handed over without waiting long. */
  get hasRoom(): boolean {
    return !this.#isOver && this.#queuedBytes < this.#options.limits.batchBytes;
  }

  start(): void {
    this.#send(encodeCredit(this.#options.limits.creditBytes));
    this.#ping();
  }

  /** No more frames in or out. */
  stop(): void {
    this.#isOver = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#bulk = [];
    this.#bulkBytes = 0;
  }

  control(frame: ControlFrame): void {
    this.#send(encodeControl(frame));
  }

  ack(ack: Ack): void {
    this.#send(encodeAck(ack));
  }

  datagram(datagram: Datagram): void {
    this.#send(encodeDatagram(datagram));
  }

  /** Frames of the comparison of retained messages, encoded: they go out as the connection takes them. */
  bulk(frames: readonly Buffer[]): void {
    for (const frame of frames) {
      if (this.#bulkBytes + frame.length > BULK_BYTES_MAX) break;
      this.#bulk.push(frame);
      this.#bulkBytes += frame.length;
    }
    this.#pump();
  }

  /** False when the queue is full: then the frame is not sent. */
  data(frame: DataFrame): boolean {
    const bytes = weightOf(frame);
    if (this.#isOver || this.#queuedBytes + bytes > this.#options.limits.queueBytesMax) return false;
    this.#queue.push({ frame, bytes });
    this.#queuedBytes += bytes;
    this.#pump();
    return true;
  }

  /** The connection has written what waited in it. */
  onDrain(): void {
    this.#pump();
  }

  onTick(): void {
    if (this.#isOver) return;
    const { limits, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    // A tick that is late says that this process stood still: timers come before what the socket holds, so one more turn.
    this.#isExcused = !this.#isExcused && nowMs - this.#tickedAtMs > limits.keepAliveMs;
    this.#tickedAtMs = nowMs;
    if (nowMs - this.#heardAtMs >= limits.silenceMsMax && !this.#isExcused) {
      this.#fail(new LatticeError('LINK_DOWN', `Nothing was heard for ${Math.round(nowMs - this.#heardAtMs)} ms.`));
    } else if (nowMs - this.#pingedAtMs >= limits.keepAliveMs) {
      this.#ping();
    }
  }

  /** Never throws: what breaks the protocol ends the connection. */
  onFrame(frame: Frame): void {
    if (this.#isOver) return;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    this.#options.counters.bytesReceived += frame.body.length;
    try {
      this.#take(frame);
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(frame: Frame): void {
    const { events } = this.#options;
    const { kind, body } = frame;
    switch (kind) {
      case 'data':
        this.#onData(body);
        return;
      case 'ack':
        events.onAck(this, decodeAck(body));
        return;
      case 'credit':
        this.#credit += decodeCredit(body);
        this.#pump();
        return;
      case 'datagram':
        events.onDatagram(this, decodeDatagram(body));
        return;
      case 'control':
        this.#onControl(decodeControl(body));
        return;
      default:
        events.onRetained(this, frame).catch((error: unknown) => this.#fail(error));
    }
  }

  #onData(body: Buffer): void {
    const { limits, events } = this.#options;
    const bytes = body.length + FRAME_HEADER_BYTES;
    this.#uncredited += bytes;
    if (this.#uncredited > limits.creditBytes + FRAME_BYTES_MAX) {
      throw linkProtocolError(`${this.#uncredited} bytes of data, with ${limits.creditBytes} granted.`);
    }
    const done = events.onData(this, this.#decoder.decode(body));
    if (done === undefined) {
      this.#consume(bytes);
      return;
    }
    done.then(
      () => this.#consume(bytes),
      (error: unknown) => this.#fail(error),
    );
  }

  #onControl(frame: ControlFrame): void {
    const { events, clock } = this.#options;
    switch (frame.type) {
      case 'ping':
        events.observeStampMs(frame.hlcMs, this.peer);
        this.control({ type: 'pong', id: frame.id, hlcMs: events.stampMs() });
        return;
      case 'pong':
        events.observeStampMs(frame.hlcMs, this.peer);
        if (frame.id === this.#pingId) this.#roundTripMs = clock.monotonicMs() - this.#pingedAtMs;
        return;
      case 'refuse':
        throw new LatticeError(frame.code, `The other broker ended the link: ${frame.reason}`);
      case 'hello':
      case 'challenge':
      case 'auth':
      case 'welcome':
        throw linkProtocolError(`A frame "${frame.type}" out of place.`);
      default:
        events.onControl(this, frame);
    }
  }

  #consume(bytes: number): void {
    this.#consumed += bytes;
    if (this.#isOver || this.#consumed < this.#options.limits.creditBytes / CREDIT_SHARE) return;
    this.#uncredited -= this.#consumed;
    this.#send(encodeCredit(this.#consumed));
    this.#consumed = 0;
  }

  #pump(): void {
    const { writableBytes, events } = this.#options;
    const hadRoom = this.hasRoom;
    let sent = 0;
    while (sent < this.#queue.length && this.#credit > 0 && !this.#isOver && writableBytes() < SOCKET_BYTES_MAX) {
      const { frame, bytes } = this.#queue[sent++] as { frame: DataFrame; bytes: number };
      this.#queuedBytes -= bytes;
      const encoded = this.#encode(frame);
      if (encoded === undefined) continue;
      this.#credit -= encoded.length;
      this.#send(encoded);
    }
    if (sent > 0) this.#queue.splice(0, sent);
    while (this.#bulk.length > 0 && writableBytes() < SOCKET_BYTES_MAX) {
      const frame = this.#bulk.shift() as Buffer;
      this.#bulkBytes -= frame.length;
      this.#send(frame);
    }
    if (!hadRoom && this.hasRoom) events.onRoom(this);
  }

  #ping(): void {
    this.#pingId += 1;
    this.#pingedAtMs = this.#options.clock.monotonicMs();
    this.control({ type: 'ping', id: this.#pingId, hlcMs: this.#options.events.stampMs() });
  }

  /** Undefined for a frame that unfolds to more than a frame may hold: nobody but its origin is to suffer from it. */
  #encode(frame: DataFrame): Buffer | undefined {
    try {
      return this.#encoder.encode(frame);
    } catch {
      this.#options.counters.dropped.transit += frame.messages.length;
      return undefined;
    }
  }

  #send(frame: Buffer): void {
    if (this.#isOver) return;
    if (this.#options.writableBytes() > OUTPUT_BYTES_MAX) {
      this.#fail(new LatticeError('LINK_DOWN', `The other broker leaves ${OUTPUT_BYTES_MAX} bytes unread.`));
      return;
    }
    this.#options.counters.bytesSent += frame.length;
    this.#options.send(frame);
  }

  #fail(cause: unknown): void {
    if (this.#isOver) return;
    this.stop();
    this.#options.fail(
      cause instanceof LatticeError ? cause : new LatticeError('INTERNAL', 'The link failed of itself.', { cause }),
    );
  }
}

function weightOf({ messages, destinations }: DataFrame): number {
  let bytes = 64 * destinations.length;
  for (const { topic, payload, shares = [] } of messages) {
    bytes += topic.length + payload.length + 8;
    for (const { filter } of shares) bytes += filter.length;
  }
  return bytes;
}
