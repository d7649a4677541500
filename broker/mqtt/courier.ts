import type { Duplex } from 'node:stream';
import { writeToStream } from 'mqtt-packet';
import { LatticeError } from '../../core/errors/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';
import type { Delivery, Session } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';

export interface CourierOptions {
  stream: Duplex;
  session: Session;
  /** Whether the session outlives the connection, so that what happens to it goes into the journal. */
  isKept: boolean;
  store: BrokerStore;
  clock: Clock;
  inflightMessagesMax: number;
  drainTimeoutMs: number;
  /** Told of each message written. */
  onDelivered: () => void;
  /** Told when a message could not be put into a packet, and was dropped. */
  onUnsendable: (error: unknown) => void;
  /** Told when the client left its socket full for too long. */
  onSlow: (error: LatticeError) => void;
}

/**
 * Brings one session's messages to its connected client, in order: first what was in flight when the last connection ended,
 * then the queue. It stops while the socket is full or too much is unacknowledged; nobody else waits for it.
 */
export class Courier {
  readonly session: Session;
  readonly isKept: boolean;
  readonly #options: CourierOptions;
  readonly #onDrain = (): void => this.#drained();
  /** In flight from the last connection, to be sent again (MQTT 3.1.1, 4.4). */
  #again: Delivery[] = [];
  #isRunning = false;
  #drainTimer: Timer | undefined;

  constructor(options: CourierOptions) {
    this.#options = options;
    this.session = options.session;
    this.isKept = options.isKept;
  }

  /** Begins, once CONNACK is out. */
  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#again = [...this.session.queue.inflight];
    this.wake();
  }

  /** Ends with the connection. What is in flight and queued stays in the session. */
  stop(): void {
    this.#isRunning = false;
    this.#drainTimer?.cancel();
    this.#options.stream.removeListener('drain', this.#onDrain);
    this.#again = [];
    this.session.queue.dropVolatile();
  }

  /** Sends as much as may be sent now. */
  wake(): void {
    const { queue } = this.session;
    while (this.#isRunning && !this.#isBlocked()) {
      const again = this.#again.shift();
      if (again !== undefined) {
        this.#sendAgain(again);
        continue;
      }
      const next = queue.peek();
      if (next === undefined) return;
      if (next.qos === 0) {
        queue.take();
        this.#write(next, false);
        continue;
      }
      if (queue.inflight.length >= this.#options.inflightMessagesMax) return;
      const messageId = this.session.takeMessageId();
      queue.take(messageId);
      if (next.qos === 2 && this.isKept) this.#sendOnce(next, messageId);
      else this.#write(next, false);
    }
  }

  /** PUBACK or PUBCOMP came for a packet id; the delivery that it ended, if there is one. */
  acknowledge(messageId: number): Delivery | undefined {
    const delivery = this.session.queue.acknowledge(messageId);
    if (delivery === undefined) return undefined;
    if (this.isKept) this.#options.store.acknowledged(this.session.clientId, delivery.id);
    this.wake();
    return delivery;
  }

  /** Exactly once, even if the broker dies right after the write: the packet id is durable before it goes out. */
  #sendOnce(delivery: Delivery, messageId: number): void {
    const { clientId } = this.session;
    this.#options.store.commitWith(
      { kind: 'sent', clientId, id: delivery.id, messageId },
      () => {
        if (this.#isRunning && delivery.messageId === messageId) this.#write(delivery, false);
      },
      // The disk is full: the client gets it after its next CONNECT, and its socket is closed to bring that about.
      (error) => this.#options.stream.destroy(error as Error),
    );
  }

  #sendAgain(delivery: Delivery): void {
    if (!this.session.queue.inflight.includes(delivery)) return;
    delivery.messageId ??= this.session.takeMessageId();
    if (delivery.phase === 'released') {
      writeToStream({ cmd: 'pubrel', messageId: delivery.messageId }, this.#options.stream);
    } else {
      this.#write(delivery, true);
    }
  }

  #write(delivery: Delivery, dup: boolean): void {
    const { message, topic, qos, messageId } = delivery;
    const { payload, retain } = message;
    const packet = { cmd: 'publish', topic, payload, qos, retain, dup } as const;
    try {
      writeToStream(messageId === undefined ? packet : { ...packet, messageId }, this.#options.stream);
    } catch (error) {
      this.#drop(delivery, error);
      return;
    }
    this.#options.onDelivered();
  }

  /**
   * A message that MQTT cannot carry, from a journal that was written before topics had a bound. It leaves the session, so that
   * the client gets the others when it comes back; part of it may have been written, so this connection is of no more use.
   */
  #drop({ id, messageId }: Delivery, error: unknown): void {
    const { queue, clientId } = this.session;
    if (messageId !== undefined) queue.acknowledge(messageId);
    if (messageId !== undefined && this.isKept) this.#options.store.acknowledged(clientId, id);
    this.#options.onUnsendable(error);
    this.#options.stream.destroy();
  }

  #isBlocked(): boolean {
    const { stream, clock, drainTimeoutMs, onSlow } = this.#options;
    if (stream.destroyed || stream.writableEnded) return true;
    if (!stream.writableNeedDrain) return false;
    if (this.#drainTimer === undefined) {
      stream.once('drain', this.#onDrain);
      this.#drainTimer = clock.setTimer(drainTimeoutMs, () => {
        const { clientId } = this.session;
        onSlow(new LatticeError('CLIENT_SLOW', `"${clientId}" read nothing for ${drainTimeoutMs} ms.`));
        stream.destroy();
      });
    }
    return true;
  }

  #drained(): void {
    this.#drainTimer?.cancel();
    this.#drainTimer = undefined;
    this.wake();
  }
}
