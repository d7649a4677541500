import type { Duplex } from 'node:stream';
import { writeToStream } from 'mqtt-packet';
import { LatticeError } from '../../core/errors/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';
import {
  createDelivery,
  type Delivery,
  deliveryIdOf,
  type Message,
  ownMessage,
  type Qos,
  type Session,
  sequenceOf,
  shareIdOf,
} from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { Outbox } from '../strict/index.ts';
import { writePublish } from './publish-packet.ts';

export interface CourierOptions {
  stream: Duplex;
  /** Of that stream. */
  outbox: Outbox;
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

const PUBLISH_QOS_1 = 0x32;

/**
 * Brings one session's messages to its connected client, in order: first what was in flight when the last connection ended,
 * then the queue. It stops while the socket is full or too much is unacknowledged; nobody else waits for it.
 *
 * A message for a session that is not kept is written at once if nothing is in its way, and takes no more than a packet id then.
 */
export class Courier {
  readonly session: Session;
  readonly isKept: boolean;
  readonly #options: CourierOptions;
  readonly #onDrain = (): void => this.#drained();
  /** In flight from the last connection, to be sent again (MQTT 3.1.1, 4.4); the next one last. */
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
    this.#again = [...this.session.queue.inflight].reverse();
    this.wake();
  }

  /** Sends again what came with the session from another broker, and was in flight there. */
  resume(deliveries: readonly Delivery[]): void {
    if (this.#isRunning) this.#again.unshift(...[...deliveries].reverse());
  }

  /** Ends with the connection. What is in flight and queued stays in the session. */
  stop(): void {
    this.#isRunning = false;
    this.#drainTimer?.cancel();
    this.#options.outbox.offDrained(this.#onDrain);
    this.#again = [];
    this.session.queue.dropVolatile();
  }

  /**
   * Takes a message that is in no kept session's queue: writes it, or queues it behind what waits. Returns how many messages the
   * bound of the queue has cost.
   */
  offer(message: Message, topic: string, qos: Qos, sharded: boolean): number {
    if (qos < 2 && this.#maySendAtOnce(qos)) {
      const packetId = qos === 0 ? undefined : this.#takeBarePacketId();
      if (!this.#write(message, topic, qos, packetId, false) && packetId !== undefined) this.#land(packetId);
      return 0;
    }
    const delivery = createDelivery(deliveryIdOf(message, sharded), ownMessage(message), topic, qos);
    const dropped = this.session.queue.push(delivery);
    this.wake();
    return dropped;
  }

  /** The same for a message of a shared subscription, which is held until it is acknowledged: it may have to go to another member. */
  offerShared(message: Message, share: string, qos: Qos): number {
    const delivery = createDelivery(shareIdOf(sequenceOf(message), share), ownMessage(message), message.topic, qos);
    delivery.share = share;
    const dropped = this.session.queue.push(delivery);
    this.wake();
    return dropped;
  }

  /**
   * Writes the PUBLISH packet of QoS 0 or 1 at [start, end) as it stands, with a packet id of its own at idAt (0 for QoS 0). False
   * when something is in its way: then it is to be offered as a message.
   */
  sendPacket(bytes: Buffer, start: number, end: number, idAt: number): boolean {
    if (!this.#maySendAtOnce(idAt === 0 ? 0 : 1)) return false;
    const { outbox } = this.#options;
    const at = outbox.reserve(end - start);
    const into = outbox.buffer;
    bytes.copy(into, at, start, end);
    if (idAt > 0) {
      const packetId = this.#takeBarePacketId();
      // DUP was between the publisher and this broker [MQTT-3.3.1-3].
      into[at] = PUBLISH_QOS_1;
      into[at + idAt - start] = packetId >> 8;
      into[at + idAt - start + 1] = packetId & 0xff;
    }
    this.#options.onDelivered();
    return true;
  }

  /** Sends as much as may be sent now. */
  wake(): void {
    const { queue } = this.session;
    while (this.#isRunning && !this.isBlocked()) {
      const again = this.#again.pop();
      if (again !== undefined) {
        this.#sendAgain(again);
        continue;
      }
      const next = queue.peek();
      if (next === undefined) return;
      if (next.qos === 0) {
        queue.take();
        this.#send(next, undefined, false);
        continue;
      }
      if (queue.inflightSize >= this.#options.inflightMessagesMax) return;
      if (next.qos === 1 && !this.isKept && next.share === undefined) {
        queue.take();
        this.#send(next, this.#takeBarePacketId(), false);
        continue;
      }
      const messageId = this.session.takeMessageId();
      queue.take(messageId);
      if (next.qos === 2 && this.isKept) this.#sendOnce(next, messageId);
      else this.#send(next, messageId, false);
    }
  }

  /** PUBACK or PUBCOMP came for a packet id. */
  acknowledge(messageId: number): void {
    this.#land(messageId);
    if (this.session.queue.waiting > 0 || this.#again.length > 0) this.wake();
  }

  /** Whether the client leaves its socket full; if so, a time runs for it, and what waits goes on when it reads again. */
  isBlocked(): boolean {
    const { stream, outbox, clock, drainTimeoutMs, onSlow } = this.#options;
    if (stream.destroyed || stream.writableEnded) return true;
    if (!outbox.isBlocked) return false;
    if (this.#drainTimer === undefined) {
      outbox.onceDrained(this.#onDrain);
      this.#drainTimer = clock.setTimer(drainTimeoutMs, () => {
        const { clientId } = this.session;
        onSlow(new LatticeError('CLIENT_SLOW', `"${clientId}" read nothing for ${drainTimeoutMs} ms.`));
        stream.destroy();
      });
    }
    return true;
  }

  #maySendAtOnce(qos: Qos): boolean {
    const { queue } = this.session;
    if (!this.#isRunning || queue.waiting > 0 || this.#again.length > 0) return false;
    if (qos > 0 && (this.isKept || queue.inflightSize >= this.#options.inflightMessagesMax)) return false;
    return !this.isBlocked();
  }

  #takeBarePacketId(): number {
    const packetId = this.session.takeMessageId();
    this.session.queue.flyBare(packetId);
    return packetId;
  }

  /** Exactly once, even if the broker dies right after the write: the packet id is durable before it goes out. */
  #sendOnce(delivery: Delivery, messageId: number): void {
    const { clientId } = this.session;
    this.#options.store.commitWith(
      { kind: 'sent', clientId, id: delivery.id, messageId },
      () => {
        if (this.#isRunning && delivery.messageId === messageId) this.#send(delivery, messageId, false);
      },
      // The disk is full: the client gets it after its next CONNECT, and its socket is closed to bring that about.
      (error) => this.#options.stream.destroy(error as Error),
    );
  }

  #sendAgain(delivery: Delivery): void {
    const { queue } = this.session;
    if (!queue.inflight.has(delivery)) return;
    if (delivery.messageId === undefined) queue.assignPacketId(delivery, this.session.takeMessageId());
    if (delivery.phase === 'released') {
      writeToStream({ cmd: 'pubrel', messageId: delivery.messageId as number }, this.#options.stream);
    } else {
      this.#send(delivery, delivery.messageId, true);
    }
  }

  #send({ message, topic, qos }: Delivery, packetId: number | undefined, dup: boolean): void {
    // What cannot be sent is done with, so that the client gets the others.
    if (!this.#write(message, topic, qos, packetId, dup) && packetId !== undefined) this.#land(packetId);
  }

  /** False for a message that MQTT cannot carry, from a journal that was written before topics had a bound. */
  #write(message: Message, topic: string, qos: Qos, packetId: number | undefined, dup: boolean): boolean {
    const { outbox, onDelivered, onUnsendable } = this.#options;
    const { payload, retain } = message;
    try {
      writePublish(outbox, { topic, payload, qos, retain, dup, packetId });
    } catch (error) {
      onUnsendable(error);
      return false;
    }
    onDelivered();
    return true;
  }

  /** Ends what is in flight under a packet id. */
  #land(packetId: number): void {
    const { queue, clientId } = this.session;
    if (queue.landBare(packetId)) return;
    const delivery = queue.acknowledge(packetId);
    if (delivery !== undefined && this.isKept) this.#options.store.acknowledged(clientId, delivery.id);
  }

  #drained(): void {
    this.#drainTimer?.cancel();
    this.#drainTimer = undefined;
    this.wake();
  }
}
