import { Readable } from 'node:stream';
import type { Logger } from 'pino';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { StoredSubscription, WillPacket } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { Connections } from './connection.ts';
import { DurablePersistence, type StoredPacket } from './persistence.ts';

/**
 * Tells Aedes that a kept session was there. Aedes says session-present only of a session with subscriptions; this one stands
 * for all of them, and saves subscribing to each again, since the broker routes by itself.
 */
export const SESSION_MARKER: StoredSubscription = { topic: 'lattice/session', qos: 0 };

type ClientRef = { id: string };

export interface LivePersistenceOptions {
  store: BrokerStore;
  connections: Connections;
  /** Whether a client's session was there before this connection. */
  wasPresent: (clientId: string) => boolean;
  /** Whether the client was granted a filter that it asked for. */
  wasGranted: (client: object, filter: string) => boolean;
  log: Logger;
}

/**
 * The durable persistence as the running broker gives it to Aedes. The broker delivers and routes by itself, so the
 * questions that Aedes asks for that purpose are answered with "nothing", and clean sessions are served from memory.
 */
export class LivePersistence extends DurablePersistence {
  readonly #options: LivePersistenceOptions;

  constructor(options: LivePersistenceOptions) {
    super(options.store);
    this.#options = options;
  }

  override async subscriptionsByClient(client: ClientRef): Promise<StoredSubscription[]> {
    return this.#options.wasPresent(client.id) ? [SESSION_MARKER] : [];
  }

  protected override permitted(client: ClientRef, subscriptions: StoredSubscription[]): StoredSubscription[] {
    return subscriptions.filter(({ topic }) => this.#options.wasGranted(client, topic));
  }

  override createRetainedStreamCombi(): Readable {
    return Readable.from([]);
  }

  override outgoingStream(): Readable {
    return Readable.from([]);
  }

  /** Aedes would publish the wills of connected clients, which it takes for those of another broker that died. */
  override streamWill(): Readable {
    return Readable.from([]);
  }

  override async outgoingUpdate(client: ClientRef, packet: { cmd?: string; messageId?: number }): Promise<void> {
    const session = this.#options.connections.of(client)?.courier?.session;
    // A PUBREC for a message that was done long ago still gets its PUBREL, or the client would wait for ever.
    if (packet.messageId !== undefined && session?.queue.isInflight(packet.messageId))
      await super.outgoingUpdate(client, packet);
  }

  override async outgoingClearMessageId(
    client: ClientRef,
    packet: { messageId?: number },
  ): Promise<StoredPacket | undefined> {
    if (packet.messageId !== undefined) this.#options.connections.of(client)?.courier?.acknowledge(packet.messageId);
    return undefined;
  }

  override async incomingGetPacket(client: ClientRef, packet: { messageId?: number }): Promise<StoredPacket> {
    const courier = this.#options.connections.of(client)?.courier;
    if (courier === undefined || courier.isKept) return super.incomingGetPacket(client, packet);
    const message = courier.session.incoming.get(packet.messageId ?? -1);
    if (message === undefined) throw new LatticeError('INTERNAL', 'No such packet.');
    const { topic, payload } = message;
    return { cmd: 'publish', topic, payload, qos: 2, retain: false, messageId: packet.messageId };
  }

  /** The message and its mark are in the journal before Aedes asks for this, unless the connection ended meanwhile. */
  override async incomingStorePacket(client: ClientRef): Promise<void> {
    throw new LatticeError('UNREACHABLE', `The connection of "${client.id}" has ended.`);
  }

  override async incomingDelPacket(client: ClientRef, packet: { messageId?: number }): Promise<void> {
    const courier = this.#options.connections.of(client)?.courier;
    if (courier === undefined || courier.isKept) await super.incomingDelPacket(client, packet);
    else courier.session.incoming.delete(packet.messageId ?? -1);
  }

  override async putWill(client: ClientRef, packet: WillPacket & { payload?: Buffer | string }): Promise<void> {
    try {
      await super.putWill(client, packet);
      const connection = this.#options.connections.of(client);
      if (connection !== undefined) connection.hasStoredWill = true;
    } catch (error) {
      // It still fires while this process lives, so a full disk need not keep the client out.
      this.#warn(error, client, 'the will is not durable');
    }
  }

  protected override connectionOf(client: ClientRef): number | undefined {
    return this.#options.connections.of(client)?.number;
  }

  /** Aedes names the client id and not the connection, which may be a newer one by now; the server deletes wills itself. */
  override async delWill(): Promise<undefined> {
    return undefined;
  }

  #warn(error: unknown, client: ClientRef, what: string): void {
    this.#options.log.warn({ code: codeOf(error), clientId: client.id, error: messageOf(error) }, what);
  }
}
