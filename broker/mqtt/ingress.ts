import type { Logger } from 'pino';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Identity } from '../../core/identity/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { deadLetter, isMeshName, meshTopic } from '../../core/wire/index.ts';
import { mayPublish, topicFault } from '../access/index.ts';
import type { Counters } from '../counters.ts';
import type { ShareRouter } from '../shares/index.ts';
import type { MessageMarks, PublishRecord, Qos, Session, ShareTarget } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';
import type { Connection } from './connection.ts';
import type { Switchboard } from './switchboard.ts';

/** A PUBLISH or a last will as Aedes hands it over. */
export interface IncomingPacket {
  topic: string;
  payload?: Buffer | string | undefined;
  qos: Qos;
  retain: boolean;
  messageId?: number | undefined;
}

/** A message that a bridge took from the other broker, under its topic here. */
export interface BridgedMessage {
  topic: string;
  payload: Buffer;
  qos: Qos;
  retain: boolean;
  /** The brokers that it has passed, as far as it says so. */
  path: readonly string[];
}

export interface IngressOptions {
  brokerId: string;
  site: string;
  store: BrokerStore;
  switchboard: Switchboard;
  counters: Counters;
  clock: Clock;
  log: Logger;
  inflightInboundMax: number;
  /** Chooses members of the shared subscriptions that match a topic. */
  shares: ShareRouter<Session>;
  /** Told of each QoS 0, not retained message that was published here and that somebody elsewhere may want. */
  onVolatile: (topic: string, payload: Buffer, shares?: readonly ShareTarget[]) => void;
  isWantedElsewhere: (topic: string) => boolean;
  /** Whether a message of QoS 0 has to go into the journal, to keep its place there. */
  mustFollow: (topic: string) => boolean;
  /** Told of what somebody published, with the right to, to this broker's command topic. */
  onCommand: (identity: Identity, payload: Buffer) => void;
}

type Done = (error?: Error) => void;

/** How long a publisher is held, without an acknowledgement, before it is sent away because the disk is full. */
export const HOLD_MS = 1_000;
/** A topic is refused for its length too, so no more than its beginning is told. */
const REFUSED_TOPIC_CHARS_MAX = 256;
const REFUSAL_LOG_INTERVAL_MS = 5_000;

/** Takes what clients publish: checks rights, makes it durable, lets it be routed, and only then lets it be acknowledged. */
export class Ingress {
  readonly #options: IngressOptions;
  readonly #commandTopic: string;
  #refusalLoggedMs = Number.NEGATIVE_INFINITY;

  constructor(options: IngressOptions) {
    this.#options = options;
    this.#commandTopic = meshTopic(options.site, options.brokerId, 'cmd');
  }

  /** A message of a client. `done` without an error means: it is durable (or QoS 0), and routed. */
  take(connection: Connection, packet: IncomingPacket, isWill: boolean, done: Done): void {
    const refusal = this.#refusalOf(connection, packet);
    if (refusal !== undefined) {
      this.#refuse(connection, packet, refusal);
      done(refusal);
      return;
    }
    const payload = Buffer.from((packet.payload ?? '') as string);
    // Here and not where it is routed: over a link nobody knows who published it.
    if (packet.topic === this.#commandTopic && !isWill)
      this.#options.onCommand(connection.identity as Identity, payload);
    if (packet.qos === 0 && !packet.retain && !this.#mustFollow(connection, packet.topic)) {
      this.#takeVolatile(connection, packet.topic, payload, done);
      return;
    }
    const inflow: IncomingPacket & { payload: Buffer } = { ...packet, payload };
    if (packet.qos === 2 && !isWill) this.#takeOnce(connection, inflow, done);
    else this.#takeDurable(connection, inflow, isWill, done);
  }

  /** Whether a message of QoS 0 has to go into the journal: one of its topic that is there, or on its way there, would be overtaken over the links. */
  #mustFollow({ pendingPublishes }: Connection, topic: string): boolean {
    const { mustFollow, isWantedElsewhere } = this.#options;
    return mustFollow(topic) || (pendingPublishes > 0 && isWantedElsewhere(topic));
  }

  /** A message of the broker itself. */
  publishOwn(topic: string, payload: Buffer, { qos = 0, retain = false }: { qos?: Qos; retain?: boolean } = {}): void {
    if (qos === 0 && !retain) {
      this.#routeVolatile(topic, payload);
      return;
    }
    const record = this.#recordOf({ topic, payload, qos, retain });
    this.#options.store.commitWith(
      record,
      () => {},
      (error) => this.noteRefusal(error),
    );
  }

  /** A message that a bridge took from the other broker. Resolves once it is durable (or QoS 0), and routed. */
  takeBridged(clientId: string, { path, ...packet }: BridgedMessage): Promise<void> {
    const { store, counters } = this.#options;
    return new Promise((resolve, reject) => {
      const route = (): void => {
        counters.published += 1;
        resolve();
      };
      if (packet.qos > 0 || packet.retain) {
        store.commitWith({ ...this.#recordOf(packet), clientId, path: [...path] }, route, reject);
        return;
      }
      // It must not overtake what came over the same bridge before it.
      store.after(() => {
        this.#routeVolatile(packet.topic, packet.payload, { via: clientId, path });
        route();
      });
    });
  }

  #refusalOf({ identity }: Connection, { topic }: IncomingPacket): LatticeError | undefined {
    const fault = topicFault(topic);
    if (fault !== undefined) return fault;
    if (identity !== undefined && mayPublish(identity, this.#options.site, topic)) return undefined;
    return new LatticeError('TOPIC_FORBIDDEN', `"${identity?.username ?? ''}" may not publish to "${topic}".`);
  }

  #refuse({ identity, client, address }: Connection, packet: IncomingPacket, error: LatticeError): void {
    const { brokerId, site, counters, clock, log } = this.#options;
    counters.refused += 1;
    const { payload } = packet;
    const topic = packet.topic.slice(0, REFUSED_TOPIC_CHARS_MAX);
    log.warn({ code: error.code, username: identity?.username, clientId: client.id, address, topic }, error.message);
    const device = isMeshName(identity?.username ?? '') ? (identity?.username as string) : brokerId;
    const letter = deadLetter({
      code: error.code,
      reason: error.message,
      topic,
      payload: Buffer.from((payload ?? '') as string),
      atMs: Math.floor(clock.wallMs()),
      by: brokerId,
    });
    this.#routeVolatile(meshTopic(site, device, 'deadletter'), Buffer.from(JSON.stringify(letter)));
  }

  #takeVolatile(connection: Connection, topic: string, payload: Buffer, done: Done): void {
    this.#options.counters.published += 1;
    const route = (): void => {
      this.#routeVolatile(topic, payload);
      done();
    };
    // It must not overtake what the same client published before it [MQTT-4.6.0-6].
    if (connection.pendingPublishes > 0) this.#options.store.after(route);
    else route();
  }

  #takeDurable(
    connection: Connection,
    packet: IncomingPacket & { payload: Buffer },
    isWill: boolean,
    done: Done,
  ): void {
    const { store, counters } = this.#options;
    const record: PublishRecord = { ...this.#recordOf(packet), clientId: connection.client.id };
    if (packet.qos === 2 && !isWill && packet.messageId !== undefined) record.messageId = packet.messageId;
    if (isWill) {
      record.will = true;
      record.connection = connection.number;
    }
    connection.pendingPublishes += 1;
    store.commitWith(
      record,
      () => {
        connection.pendingPublishes -= 1;
        counters.published += 1;
        done();
      },
      (error) => {
        connection.pendingPublishes -= 1;
        this.#hold(packet, error, done);
      },
    );
  }

  /** QoS 2: the packet id marks the message as taken until PUBREL, so that what is sent again is not taken again. */
  #takeOnce(connection: Connection, packet: IncomingPacket & { payload: Buffer }, done: Done): void {
    const messageId = packet.messageId as number;
    const session = connection.courier?.session;
    if (session === undefined) {
      done(new LatticeError('UNREACHABLE', `The connection of "${connection.client.id}" has ended.`));
      return;
    }
    if (session.incoming.has(messageId)) {
      done();
      return;
    }
    const waiting = session.pendingIncoming.get(messageId);
    if (waiting !== undefined) {
      waiting.push(done);
      return;
    }
    if (session.incoming.size + session.pendingIncoming.size >= this.#options.inflightInboundMax) {
      const { client } = connection;
      done(
        new LatticeError('PACKET_MALFORMED', `"${client.id}" has too many QoS 2 messages that wait for its PUBREL.`),
      );
      return;
    }
    const all = [done];
    session.pendingIncoming.set(messageId, all);
    this.#takeDurable(connection, packet, false, (error) => {
      session.pendingIncoming.delete(messageId);
      if (error === undefined && connection.client.clean) {
        const { topic, payload } = packet;
        session.incoming.set(messageId, { position: -1, topic, payload, qos: 2, retain: false });
      }
      for (const each of all) each(error);
    });
  }

  #recordOf({ topic, payload, qos, retain }: IncomingPacket & { payload: Buffer }): PublishRecord {
    const { brokerId, store, clock } = this.#options;
    const stampMs = retain ? store.hlc.now() : Math.floor(clock.wallMs());
    const record: PublishRecord = { kind: 'publish', topic, payload, qos, retain, stampMs, origin: brokerId };
    const shares = this.#options.shares.targetsOf(topic);
    return shares.length === 0 ? record : { ...record, shares: [...shares] };
  }

  /** The disk is full: no acknowledgement. The client is held for a while, then sent away, and tries again by itself. */
  #hold({ qos }: IncomingPacket, error: unknown, done: Done): void {
    this.noteRefusal(error);
    if (qos === 0) {
      this.#options.counters.dropped += 1;
      done();
      return;
    }
    this.#options.counters.refused += 1;
    const reason = error instanceof Error ? error : new LatticeError('INTERNAL', messageOf(error));
    this.#options.clock.setTimer(HOLD_MS, () => done(reason));
  }

  /** The journal takes no records: says so, now and then. */
  noteRefusal(error: unknown): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#refusalLoggedMs < REFUSAL_LOG_INTERVAL_MS) return;
    this.#refusalLoggedMs = nowMs;
    const fields = { code: codeOf(error), error: messageOf(error) };
    this.#options.log.error(fields, 'the journal takes no records; publishers get no acknowledgement until it does');
  }

  #routeVolatile(topic: string, payload: Buffer, marks?: MessageMarks): void {
    const { switchboard, onVolatile, isWantedElsewhere, shares, brokerId } = this.#options;
    switchboard.routeVolatile(topic, payload, marks);
    const remote: ShareTarget[] = [];
    for (const target of shares.targetsOf(topic)) {
      if (target.broker === brokerId) switchboard.shareVolatile(topic, payload, target);
      else remote.push(target);
    }
    if (remote.length > 0) onVolatile(topic, payload, remote);
    else if (isWantedElsewhere(topic)) onVolatile(topic, payload);
  }
}
