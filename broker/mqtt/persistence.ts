import { Readable } from 'node:stream';
import { LatticeError } from '../../core/errors/index.ts';
import { filterMatches } from '../../core/wire/index.ts';
import type {
  Delivery,
  Message,
  Qos,
  Retained,
  Session,
  StoredSubscription,
  Will,
  WillPacket,
} from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';

/** A packet as Aedes passes it about. */
export interface StoredPacket {
  cmd: string;
  topic: string;
  payload: Buffer | string;
  qos: Qos;
  retain: boolean;
  dup?: boolean;
  messageId?: number | undefined;
  brokerId?: string | undefined;
  brokerCounter?: number | undefined;
}

type ClientRef = { id: string };
type WillOut = WillPacket & { clientId: string; brokerId: string; payload: Buffer };

/**
 * The persistence port of Aedes (aedes-persistence 11) over the broker's store: every promise that stands for a change
 * resolves once the change is synced.
 */
export class DurablePersistence {
  protected readonly store: BrokerStore;
  broker: { id: string } | undefined;
  /** Aedes hands the whole list of a SUBSCRIBE over once for each filter in it; it is stored once. */
  readonly #storing = new WeakMap<object, Map<string, Promise<void>>>();

  constructor(store: BrokerStore) {
    this.store = store;
  }

  async setup(broker: { id: string }): Promise<void> {
    this.broker = broker;
  }

  async destroy(): Promise<void> {
    await this.store.close();
  }

  // Retained messages

  async storeRetained(packet: StoredPacket): Promise<void> {
    const stampBroker = this.broker?.id ?? this.store.state.brokerId;
    const { topic, qos } = packet;
    const stampMs = this.store.hlc.now();
    const payload = Buffer.from(packet.payload as string);
    await this.store.commit({ kind: 'retained', topic, payload, qos, stampMs, stampBroker });
  }

  createRetainedStream(pattern: string): Readable {
    return this.createRetainedStreamCombi([pattern]);
  }

  createRetainedStreamCombi(patterns: string[]): Readable {
    const found = new Set<Retained>();
    for (const pattern of patterns) {
      for (const retained of this.store.state.retained.matching(pattern)) found.add(retained);
    }
    return Readable.from(
      [...found].map(({ topic, payload, qos, stampBroker }) => {
        return { cmd: 'publish', id: stampBroker, topic, payload, qos, retain: true };
      }),
    );
  }

  // Subscriptions

  async addSubscriptions(client: ClientRef, subscriptions: StoredSubscription[]): Promise<void> {
    const byClient = this.#storing.get(subscriptions) ?? new Map<string, Promise<void>>();
    this.#storing.set(subscriptions, byClient);
    const storing = byClient.get(client.id) ?? this.#storeSubscriptions(client, this.permitted(client, subscriptions));
    byClient.set(client.id, storing);
    await storing;
  }

  async #storeSubscriptions(client: ClientRef, subscriptions: StoredSubscription[]): Promise<void> {
    const copies = subscriptions.map(({ topic, qos, rh, rap, nl, subscriptionIdentifier }) => ({
      topic,
      qos,
      ...(rh === undefined ? {} : { rh }),
      ...(rap === undefined ? {} : { rap }),
      ...(nl === undefined ? {} : { nl }),
      ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }),
    }));
    await this.store.commit({ kind: 'subscribe', clientId: client.id, subscriptions: copies });
  }

  /** Those of a SUBSCRIBE that are to be stored; Aedes also passes on the ones that it refuses. */
  protected permitted(_client: ClientRef, subscriptions: StoredSubscription[]): StoredSubscription[] {
    return subscriptions;
  }

  async removeSubscriptions(client: ClientRef, filters: string[]): Promise<void> {
    await this.store.commit({ kind: 'unsubscribe', clientId: client.id, filters });
  }

  async subscriptionsByClient(client: ClientRef): Promise<StoredSubscription[]> {
    return [...(this.#session(client)?.subscriptions.values() ?? [])];
  }

  /** Subscriptions above QoS 0 that match a topic, wider filters of a client first. */
  async subscriptionsByTopic(topic: string): Promise<(StoredSubscription & { clientId: string })[]> {
    return this.store.state.index.match(topic).flatMap(({ subscriber }) =>
      [...subscriber.subscriptions.values()]
        .filter((subscription) => subscription.qos > 0 && filterMatches(subscription.topic, topic))
        .sort((a, b) => (a.topic > b.topic ? -1 : 1))
        .map((subscription) => ({ clientId: subscriber.clientId, ...subscription })),
    );
  }

  async cleanSubscriptions(client: ClientRef): Promise<void> {
    if (this.#session(client) !== undefined) await this.store.commit({ kind: 'end', clientId: client.id });
  }

  async countOffline(): Promise<{ subsCount: number; clientsCount: number }> {
    let subsCount = 0;
    let clientsCount = 0;
    for (const { subscriptions } of this.store.state.sessions.values()) {
      if (subscriptions.size > 0) clientsCount += 1;
      for (const { qos } of subscriptions.values()) subsCount += qos > 0 ? 1 : 0;
    }
    return { subsCount, clientsCount };
  }

  getClientList(filter: string): Readable {
    const sessions = [...this.store.state.sessions.values()].filter(({ subscriptions }) => subscriptions.has(filter));
    return Readable.from(sessions.map((session) => session.clientId));
  }

  // Outgoing messages

  async outgoingEnqueue(subscription: { clientId: string }, packet: StoredPacket): Promise<void> {
    await this.outgoingEnqueueCombi([subscription], packet);
  }

  async outgoingEnqueueCombi(subscriptions: { clientId: string }[], packet: StoredPacket): Promise<void> {
    const { topic, qos, brokerId, brokerCounter } = packet;
    const clientIds = subscriptions.map(({ clientId }) => clientId);
    const isText = typeof packet.payload === 'string';
    const payload = Buffer.from(packet.payload as string);
    await this.store.commit({ kind: 'enqueue', clientIds, topic, payload, isText, qos, brokerId, brokerCounter });
  }

  /** A PUBLISH got its packet id, or (cmd `pubrel`) PUBREC came for a packet id. */
  async outgoingUpdate(client: ClientRef, packet: Partial<StoredPacket> & { messageId?: number }): Promise<void> {
    const { messageId } = packet;
    const found = [...(this.#session(client)?.queue.deliveries() ?? [])].find(({ message, messageId: present }) =>
      packet.cmd === 'pubrel'
        ? present === messageId
        : message.brokerId === packet.brokerId && message.brokerCounter === packet.brokerCounter,
    );
    if (found === undefined || messageId === undefined) throw new LatticeError('INTERNAL', 'No such packet.');
    if (packet.cmd === 'pubrel') await this.store.commit({ kind: 'received', clientId: client.id, messageId });
    else await this.store.commit({ kind: 'sent', clientId: client.id, id: found.id, messageId });
  }

  /** PUBACK or PUBCOMP came; resolves with what it was for, undefined when that is not known. */
  async outgoingClearMessageId(client: ClientRef, packet: { messageId?: number }): Promise<StoredPacket | undefined> {
    const session = this.#session(client);
    if (session === undefined || packet.messageId === undefined) return undefined;
    const delivery = session.queue.acknowledge(packet.messageId);
    if (delivery === undefined) return undefined;
    this.store.acknowledged(client.id, delivery.id);
    return packetOf(delivery);
  }

  outgoingStream(client: ClientRef): Readable {
    return Readable.from([...(this.#session(client)?.queue.deliveries() ?? [])].map(packetOf));
  }

  // Incoming QoS 2 messages

  async incomingStorePacket(client: ClientRef, packet: StoredPacket & { messageId?: number }): Promise<void> {
    const { messageId, topic, retain } = packet;
    if (messageId === undefined) throw new LatticeError('INTERNAL', 'A QoS 2 packet without packet id.');
    const payload = Buffer.from(packet.payload as string);
    await this.store.commit({ kind: 'incoming', clientId: client.id, messageId, topic, payload, retain });
  }

  async incomingGetPacket(client: ClientRef, packet: { messageId?: number }): Promise<StoredPacket> {
    const message = this.#session(client)?.incoming.get(packet.messageId ?? -1);
    if (message === undefined) throw new LatticeError('INTERNAL', 'No such packet.');
    return incomingPacketOf(message, packet.messageId);
  }

  async incomingDelPacket(client: ClientRef, packet: { messageId?: number }): Promise<void> {
    const { messageId } = packet;
    if (messageId === undefined || this.#session(client)?.incoming.has(messageId) !== true) {
      throw new LatticeError('INTERNAL', 'No such packet.');
    }
    await this.store.commit({ kind: 'released', clientId: client.id, messageId });
  }

  async cleanIncoming(client: ClientRef): Promise<void> {
    if ((this.#session(client)?.incoming.size ?? 0) > 0) {
      await this.store.commit({ kind: 'released', clientId: client.id });
    }
  }

  // Last wills

  async putWill(client: ClientRef, packet: WillPacket & { payload?: Buffer | string }): Promise<void> {
    const brokerId = this.broker?.id ?? this.store.state.brokerId;
    // Part of the port: the caller's packet is given its owner.
    Object.assign(packet, { brokerId, clientId: client.id });
    const { topic, qos, retain } = packet;
    const payload = Buffer.from((packet.payload ?? '') as string);
    const connection = this.connectionOf(client);
    const will = { topic, qos, retain };
    await this.store.commit({ kind: 'will', clientId: client.id, brokerId, connection, will, payload });
  }

  /** Number of the connection to which a will belongs; undefined when that is not known. */
  protected connectionOf(_client: ClientRef): number | undefined {
    return undefined;
  }

  async getWill(client: ClientRef): Promise<WillOut | undefined> {
    const will = this.store.state.wills.get(client.id);
    return will === undefined ? undefined : willPacketOf(will);
  }

  async delWill(client: ClientRef): Promise<WillOut | undefined> {
    const will = await this.getWill(client);
    if (will !== undefined) await this.store.commit({ kind: 'willGone', clientId: client.id });
    return will;
  }

  streamWill(brokers: Record<string, unknown> = {}): Readable {
    const wills = [...this.store.state.wills.values()].filter((will) => brokers[will.brokerId] === undefined);
    return Readable.from(wills.map(willPacketOf));
  }

  #session(client: ClientRef): Session | undefined {
    return this.store.state.sessions.get(client.id);
  }
}

function packetOf({ message, topic, qos, messageId, phase }: Delivery): StoredPacket {
  if (phase === 'released') return { cmd: 'pubrel', messageId } as StoredPacket;
  const { payload, retain, brokerId, brokerCounter } = message;
  return { cmd: 'publish', topic, payload, qos, retain, dup: false, brokerId, brokerCounter, messageId };
}

function incomingPacketOf({ topic, payload, retain }: Message, messageId: number | undefined): StoredPacket {
  return { cmd: 'publish', topic, payload, qos: 2, retain, dup: false, messageId };
}

function willPacketOf({ clientId, brokerId, topic, payload, qos, retain }: Will): WillOut {
  return { clientId, brokerId, topic, payload, qos, retain };
}
