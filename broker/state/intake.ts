import { type Applied, isApplied } from './applied.ts';
import type { BatchRecord } from './batch.ts';
import type { Distribution } from './distribution.ts';
import { type Message, type MessageMarks, ownBytes } from './message.ts';
import type { BrokerRecord, LinkOrigin, PublishRecord } from './records.ts';
import type { RetainedStore } from './retained-store.ts';
import type { Session } from './session.ts';
import type { Wills } from './wills.ts';

export interface AcceptedPosition {
  incarnation: string;
  position: number;
}

export interface IntakeOptions {
  sessions: ReadonlyMap<string, Session>;
  retained: RetainedStore;
  wills: Wills;
  /** By peer, how far its stream was taken. */
  accepted: Map<string, AcceptedPosition>;
  distribution: Distribution;
}

/** Takes messages from records: what was published here, what came over links, what a comparison of retained sets brought. */
export class Intake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  publish(position: number, record: PublishRecord, applied: Applied): void {
    if (record.link !== undefined && !this.#acceptFrom(record.link)) {
      applied.taken = false;
      return;
    }
    const { topic, payload, qos, clientId, messageId } = record;
    const marks = marksOf(record);
    const message: Message = { position, topic, payload, qos, retain: false, marks };
    if (record.retain && record.link === undefined) {
      const { stampMs, origin: stampBroker } = record;
      this.#options.retained.merge({ topic, payload, qos, stampMs, stampBroker, via: marks?.via });
    }
    if (clientId !== undefined && record.will) this.#options.wills.spend(position, clientId, record.connection);
    if (clientId !== undefined && messageId !== undefined) {
      const session = this.#options.sessions.get(clientId);
      if (session !== undefined && !isApplied(position, session)) session.incoming.set(messageId, message);
    }
    this.#options.distribution.route(message, applied);
    this.#options.distribution.share(message, record.shares, applied);
  }

  /**
   * All of a link's batch is taken, or nothing of it. A replay from a checkpoint may merge the stamped messages of a batch that
   * was out of turn then: its peer sends them again, so they are only early.
   */
  takeBatch(position: number, { messages, link }: BatchRecord, applied: Applied): void {
    if (link !== undefined && !this.#acceptFrom(link)) {
      applied.taken = false;
      return;
    }
    const source = link === undefined ? undefined : `${link.peer}/${link.incarnation}`;
    const plain: MessageMarks | undefined = link === undefined ? undefined : { origin: link.peer };
    for (const [index, { topic, payload, qos, stampMs, stampBroker, ...rest }] of messages.entries()) {
      let marks = plain;
      if (stampMs !== undefined && stampBroker !== undefined) {
        if (!this.#options.retained.merge({ topic, payload: ownBytes(payload), qos, stampMs, stampBroker })) continue;
        marks = { ...plain, retained: true };
      }
      const { sequence, shares, isForShareOnly } = rest;
      const place = { position, index, source, sequence };
      const message: Message = { ...place, topic, payload, qos, retain: false, isView: true, marks };
      if (isForShareOnly !== true) this.#options.distribution.route(message, applied);
      this.#options.distribution.share(message, shares, applied);
    }
  }

  mergeRetained(position: number, record: BrokerRecord & { kind: 'retained' }, applied: Applied): void {
    const { topic, payload, qos, stampMs, stampBroker } = record;
    applied.taken = this.#options.retained.merge({ topic, payload, qos, stampMs, stampBroker });
    if (!applied.taken) return;
    const marks: MessageMarks = { retained: true, origin: stampBroker };
    this.#options.distribution.route({ position, topic, payload, qos, retain: false, marks }, applied);
  }

  /**
   * Whether a link's message is the next from its peer. It is not when the one before it could not be stored: then the peer
   * sends both again, and taking the later one now would make the earlier look like a duplicate.
   */
  #acceptFrom({ peer, incarnation, position, previous }: LinkOrigin): boolean {
    const known = this.#options.accepted.get(peer);
    const at = known?.incarnation === incarnation ? known.position : -1;
    if (previous > at) return false;
    this.#options.accepted.set(peer, { incarnation, position: Math.max(at, position) });
    return true;
  }
}

function marksOf({ retain, path, clientId, link, origin }: PublishRecord): MessageMarks | undefined {
  if (!retain && path === undefined && link === undefined) return undefined;
  return {
    ...(retain ? { retained: true } : {}),
    ...(path !== undefined && clientId !== undefined ? { via: clientId, path } : {}),
    ...(link === undefined ? {} : { origin }),
  };
}
