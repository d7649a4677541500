import type { Logger } from 'pino';
import { codeOf, messageOf } from '../../core/errors/index.ts';
import type { Counters } from '../counters.ts';
import type { Except, ShareRouter } from '../shares/index.ts';
import {
  BATCH_BYTES_MAX,
  BATCH_MESSAGES_MAX,
  type BatchMessage,
  type Delivery,
  type Message,
  type Session,
  type ShareTarget,
} from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';

export interface ShareDispatchOptions {
  store: BrokerStore;
  router: ShareRouter<Session>;
  counters: Counters;
  log: Logger;
}

/**
 * Finds another member for what its member cannot take any more. The message is published once more, for that member alone:
 * nobody who has it already gets it again, and it is as durable as when it came.
 */
export class ShareDispatch {
  readonly #options: ShareDispatchOptions;

  constructor(options: ShareDispatchOptions) {
    this.#options = options;
  }

  /** A message whose member was gone when it arrived. */
  orphaned(message: Message, filter: string): void {
    if (message.qos === 0) {
      this.#options.counters.dropped += 1;
      return;
    }
    this.#publish([{ message, filter }], {}, () => {});
  }

  /** A member's connection has ended: others get what it had not acknowledged. A kept session keeps it if nobody else is connected. */
  memberGone(session: Session, isKept: boolean): void {
    const { store, router } = this.#options;
    const except = { subscriber: session };
    const hasOther = new Map<string, boolean>();
    const going: { message: Message; filter: string; delivery: Delivery }[] = [];
    for (const delivery of session.queue.deliveries()) {
      const { share: filter, message } = delivery;
      // A QoS 2 message that may have arrived is for nobody else (MQTT 5, 4.8.2).
      if (filter === undefined || (delivery.qos === 2 && delivery.phase !== 'queued')) continue;
      let isOther = hasOther.get(filter);
      if (isOther === undefined) {
        isOther = !isKept || router.hasConnected(filter, message.topic, except);
        hasOther.set(filter, isOther);
      }
      if (isOther) going.push({ message, filter, delivery });
    }
    if (going.length === 0) return;
    for (const { delivery } of going) session.queue.remove(delivery.id);
    this.#publish(going, except, (isPublished) => {
      if (!isKept) return;
      for (const { delivery } of going) {
        if (isPublished) store.acknowledged(session.clientId, delivery.id);
        else session.queue.push(delivery);
      }
    });
  }

  #publish(
    entries: readonly { message: Message; filter: string }[],
    except: Except<Session>,
    done: (isPublished: boolean) => void,
  ): void {
    const messages: BatchMessage[] = [];
    for (const { message, filter } of entries) {
      const target = this.#options.router.targetOf(filter, message.topic, except);
      if (target !== undefined) messages.push(batchMessageOf(message, target));
      else this.#options.counters.dropped += 1;
    }
    const batches = [...batchesOf(messages)];
    let left = batches.length;
    let isPublished = true;
    if (left === 0) done(true);
    for (const batch of batches) {
      const finish = (): void => {
        left -= 1;
        if (left === 0) done(isPublished);
      };
      this.#options.store.commitWith({ kind: 'batch', stampMs: 0, messages: batch }, finish, (error) => {
        isPublished = false;
        const fields = { code: codeOf(error), count: batch.length, error: messageOf(error) };
        this.#options.log.error(fields, 'messages of a shared subscription could not go to another member');
        finish();
      });
    }
  }
}

function batchMessageOf({ topic, payload, qos }: Message, target: ShareTarget): BatchMessage {
  const bytes = Buffer.from(payload as string);
  return { topic, payload: bytes, qos, retain: false, shares: [target], isForShareOnly: true };
}

function* batchesOf(messages: readonly BatchMessage[]): Generator<BatchMessage[]> {
  let batch: BatchMessage[] = [];
  let bytes = 0;
  for (const message of messages) {
    const messageBytes = message.payload.length + message.topic.length;
    if (batch.length > 0 && (bytes + messageBytes > BATCH_BYTES_MAX || batch.length === BATCH_MESSAGES_MAX)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(message);
    bytes += messageBytes;
  }
  if (batch.length > 0) yield batch;
}
