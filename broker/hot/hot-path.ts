import { LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { Counters } from '../counters.ts';
import type { CleanReceiver, Connection, Switchboard } from '../mqtt/index.ts';
import type { ShareRouter } from '../shares/index.ts';
import { lesserQos, type Message, type Qos, type Session } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { StrictStream } from '../strict/index.ts';
import { Lane } from './lane.ts';
import { PacketBatch } from './packet-batch.ts';
import { type Route, RouteTable } from './route-table.ts';

export interface HotPathOptions {
  site: string;
  /** What is published to it is for this broker too, so it goes by Aedes. */
  commandTopic: string;
  store: BrokerStore;
  switchboard: Switchboard;
  counters: Counters;
  clock: Clock;
  shares: ShareRouter<Session>;
  /** Told of each QoS 0 message that somebody elsewhere may want. */
  onVolatile: (topic: string, payload: Buffer) => void;
  isWantedElsewhere: (topic: string) => boolean;
  /** Whether a message of QoS 0 has to go into the journal, which it does not on this way. */
  mustFollow: (topic: string) => boolean;
  /** Told of the record of a batch in which something may be wanted elsewhere. */
  onWanted: (position: number) => void;
  /** Told when a batch could not be made durable. */
  onRefused: (error: unknown) => void;
  /** How long its publishers are held then, without an acknowledgement, before they are sent away. */
  holdMs: number;
}

/** Beyond so many bytes that wait for the disk, publishers are not read any more until half of them is synced. */
const PENDING_BYTES_MAX = 8 * 1_024 * 1_024;
/** Batches kept for use again, about 100 KiB each; large payloads fill many while one sync goes on. */
const SPARE_BATCHES_MAX = 32;
const PUBACK = 0x40;
const PACKET_ID_BYTES = 2;

/**
 * The way of a message that nothing special is to be done for. Its packet is copied once, into a batch that takes the publishes
 * of all connections while the batch before is being synced; the batch is one record of the journal. Once that is durable, the
 * packets are copied to those who get them, and acknowledged. A connection is written to once in a turn of the event loop.
 */
export class HotPath {
  readonly site: string;
  readonly commandTopic: string;
  readonly routes: RouteTable;
  readonly #options: HotPathOptions;
  #batch = new PacketBatch();
  readonly #spare: PacketBatch[] = [];
  #isScheduled = false;
  #syncing = 0;
  readonly #waiting = new Set<Lane>();

  constructor(options: HotPathOptions) {
    this.#options = options;
    this.site = options.site;
    this.commandTopic = options.commandTopic;
    this.routes = new RouteTable(options.switchboard);
    options.store.beforeAppend = () => this.#seal();
  }

  /** Whether a member of a shared subscription is to be chosen, which is not done here. */
  isShared(topic: string): boolean {
    return this.#options.shares.isShared(topic);
  }

  /** Puts a lane in front of a connection's stream. */
  openLane(connection: Connection, stream: StrictStream): Lane {
    const lane = new Lane(this, connection, stream);
    stream.useLane(lane);
    return lane;
  }

  /** Takes a PUBLISH packet of QoS 1 at [start, end), whose packet id stands at idAt. False when it is too large for a batch. */
  takeDurable(lane: Lane, route: Route, bytes: Uint8Array, start: number, end: number, idAt: number): boolean {
    if (!this.#batch.hasRoomFor(end - start)) {
      this.#seal();
      if (!this.#batch.hasRoomFor(end - start)) return false;
    }
    this.#batch.add(lane, route, bytes, start, end, idAt);
    lane.connection.pendingPublishes += 1;
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.#turnDone());
    }
    return true;
  }

  /** Routes a PUBLISH packet of QoS 0 at [start, end), whose payload begins at payloadAt. False when it has to go the long way. */
  routeVolatile(route: Route, bytes: Uint8Array, start: number, end: number, payloadAt: number): boolean {
    if (this.#options.mustFollow(route.topic)) return false;
    const { counters, switchboard, onVolatile, isWantedElsewhere } = this.#options;
    counters.published += 1;
    this.routes.refresh(route);
    const buffer = bytes as Buffer;
    for (const receiver of route.clean) {
      if (!receiver.sharded && receiver.courier.sendPacket(buffer, start, end, 0)) continue;
      this.#offer(receiver, messageAt(-1, 0, route.topic, buffer.subarray(payloadAt, end), 0));
    }
    const isWanted = isWantedElsewhere(route.topic);
    if (!route.hasKept && !isWanted) return true;
    const message = messageAt(-1, 0, route.topic, buffer.subarray(payloadAt, end), 0);
    if (route.hasKept) switchboard.routeVolatileToKept(message);
    if (isWanted) onVolatile(route.topic, Buffer.from(message.payload as Buffer));
    return true;
  }

  /** Whether a connection may be read on; if not, it is told when it may. */
  mayReadOn(lane: Lane): boolean {
    if (lane.isHeld) return false;
    if (lane.hasPublished && lane.connection.courier?.isBlocked() === true) {
      lane.stream.outbox.onceDrained(() => lane.stream.readOn());
      return false;
    }
    const isSaturated = this.#options.store.queue.pendingBytes >= PENDING_BYTES_MAX;
    if (!isSaturated || lane.connection.pendingPublishes === 0) return true;
    this.#waiting.add(lane);
    return false;
  }

  #turnDone(): void {
    this.#isScheduled = false;
    // While a batch is being synced, the next one gathers; its publishers would not be answered sooner.
    if (this.#syncing === 0) this.#seal();
  }

  #seal(): void {
    const batch = this.#batch;
    if (batch.count === 0) return;
    this.#batch = this.#spare.pop() ?? new PacketBatch();
    this.#syncing += 1;
    const { store, clock } = this.#options;
    store.commitPackets(
      batch.seal(Math.floor(clock.wallMs())),
      (position) => this.#committed(batch, position),
      (error) => this.#failed(batch, error),
    );
  }

  #committed(batch: PacketBatch, position: number): void {
    const { store, switchboard, counters, isWantedElsewhere, onWanted } = this.#options;
    let hasKept = false;
    let isWanted = false;
    for (let index = 0; index < batch.count; index++) {
      const route = batch.routes[index] as Route;
      this.routes.refresh(route);
      hasKept ||= route.hasKept;
      isWanted ||= route !== batch.routes[index - 1] && isWantedElsewhere(route.topic);
    }
    if (isWanted) onWanted(position);
    // A batch that no kept session wants leaves the state as it is.
    if (hasKept) switchboard.applied(store.state.apply(position, batch.record()));
    else store.state.position = position;
    for (let index = 0; index < batch.count; index++) {
      const { clean } = batch.routes[index] as Route;
      for (const receiver of clean) this.#deliver(receiver, batch, index, position);
    }
    for (let index = 0; index < batch.count; index++) {
      acknowledge(batch.lanes[index] as Lane, batch.packetIds[index] as number);
    }
    counters.published += batch.count;
    this.#done(batch);
  }

  #deliver(receiver: CleanReceiver, batch: PacketBatch, index: number, position: number): void {
    const { courier, qos, sharded } = receiver;
    const start = batch.starts[index] as number;
    const idAt = batch.idsAt[index] as number;
    const isSent = qos > 0 && !sharded && courier.sendPacket(batch.bytes, start, batch.endOf(index), idAt);
    if (isSent) return;
    const { topic } = batch.routes[index] as Route;
    this.#offer(receiver, messageAt(position, index, topic, batch.payloadOf(index), 1));
  }

  #offer({ courier, topic, qos, sharded }: CleanReceiver, message: Message): void {
    this.#options.switchboard.offer(courier, message, topic, lesserQos(message.qos, qos), sharded);
  }

  /** The disk is full: no acknowledgement. The clients are held for a while, then sent away, and try again by themselves. */
  #failed(batch: PacketBatch, error: unknown): void {
    const { counters, clock, holdMs, onRefused } = this.#options;
    onRefused(error);
    counters.refused += batch.count;
    for (const lane of batch.lanes) lane.connection.pendingPublishes -= 1;
    const lanes = new Set(batch.lanes);
    const reason = error instanceof Error ? error : new LatticeError('INTERNAL', messageOf(error));
    for (const lane of lanes) lane.isHeld = true;
    clock.setTimer(holdMs, () => {
      for (const { connection } of lanes) if (connection.courier !== undefined) connection.client.emit('error', reason);
    });
    this.#done(batch);
  }

  #done(batch: PacketBatch): void {
    this.#syncing -= 1;
    batch.clear();
    if (this.#spare.length < SPARE_BATCHES_MAX) this.#spare.push(batch);
    if (this.#syncing === 0 && !this.#isScheduled) this.#seal();
    if (this.#waiting.size === 0 || this.#options.store.queue.pendingBytes > PENDING_BYTES_MAX / 2) return;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const lane of waiting) if (!lane.isHeld) lane.stream.readOn();
  }
}

function acknowledge({ connection, stream: { outbox } }: Lane, packetId: number): void {
  connection.pendingPublishes -= 1;
  const at = outbox.reserve(2 + PACKET_ID_BYTES);
  const into = outbox.buffer;
  into[at] = PUBACK;
  into[at + 1] = PACKET_ID_BYTES;
  into[at + 2] = packetId >> 8;
  into[at + 3] = packetId & 0xff;
}

function messageAt(position: number, index: number, topic: string, payload: Buffer, qos: Qos): Message {
  return { position, index, topic, payload, qos, retain: false, isView: true };
}
