import { decodeBatch, type LinkMessage } from './batch.ts';
import { encodeAck, linkProtocolError } from './frames.ts';
import type { LinkCounters, LinkLimits } from './limits.ts';
import type { FederationPort } from './port.ts';

export interface InboundOptions {
  port: FederationPort;
  peer: string;
  incarnation: string;
  limits: LinkLimits;
  counters: LinkCounters;
  send: (frame: Buffer) => void;
  onFailed: (error: unknown) => void;
}

/** How far a peer may overdraw the window before it is held to break the protocol: a batch may close above its bound. */
const OVERDRAFT_FACTOR = 8;

/**
 * What comes from a peer, in order. The messages of a batch are handed to the broker at once, so that they share a sync; the
 * batch is acknowledged when all of them, and every batch before, are durable.
 */
export class Inbound {
  readonly #options: InboundOptions;
  readonly #acceptedAtStart: number;
  #lastPosition = -1;
  #batches = 0;
  #pendingBytes = 0;
  #line: Promise<void> = Promise.resolve();
  #hasFailed = false;

  constructor(options: InboundOptions) {
    this.#options = options;
    this.#acceptedAtStart = options.port.acceptedPosition(options.peer, options.incarnation);
  }

  /** Resolves when the broker has settled everything that it was handed. Never rejects. */
  settled(): Promise<void> {
    return this.#line;
  }

  /** Takes a batch frame. Throws LINK_PROTOCOL. */
  onBatch(body: Buffer): void {
    if (this.#hasFailed) return;
    const { limits, counters, send } = this.#options;
    const messages = decodeBatch(body);
    this.#checkPositions(messages);
    this.#pendingBytes += body.length;
    if (this.#pendingBytes > OVERDRAFT_FACTOR * limits.windowBytesMax) {
      throw linkProtocolError(`${this.#pendingBytes} bytes sent without an acknowledgement.`);
    }
    counters.received += messages.length;
    const handed = Promise.all(messages.map((message) => this.#hand(message)));
    this.after(async () => {
      await handed;
      this.#pendingBytes -= body.length;
      this.#batches += 1;
      send(encodeAck(this.#batches));
    });
    // A rejection is seen in the line; until its turn comes it is not unhandled.
    handed.catch(() => {});
  }

  /** Does something once everything that came before is durable. */
  after(action: () => void | Promise<void>): void {
    this.#line = this.#line.then(async () => {
      if (this.#hasFailed) return;
      await action();
    });
    this.#line = this.#line.catch((error: unknown) => {
      this.#hasFailed = true;
      this.#options.onFailed(error);
    });
  }

  async #hand({ topic, payload, qos, retain, position, stamp }: LinkMessage): Promise<void> {
    const { port, peer, incarnation, counters } = this.#options;
    if (stamp !== undefined) {
      await port.mergeRetained({ topic, payload, qos, stampMs: stamp.ms, stampBroker: stamp.broker });
      return;
    }
    if (position !== undefined && position <= this.#acceptedAtStart) counters.duplicates += 1;
    await port.accept({ topic, payload, qos, retain, origin: peer }, { peer, incarnation, position });
  }

  #checkPositions(messages: readonly LinkMessage[]): void {
    for (const { position } of messages) {
      if (position === undefined) continue;
      if (position <= this.#lastPosition) {
        throw linkProtocolError(`Position ${position} came after ${this.#lastPosition}.`);
      }
      this.#lastPosition = position;
    }
  }
}
