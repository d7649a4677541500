import type { DeliveryId, Message } from './message.ts';
import { OutboundQueue, type QueueBounds } from './outbound-queue.ts';
import type { StoredSubscription } from './records.ts';

/** A session that is on its way here. */
export interface SessionMove {
  /** The brokers that it comes from. */
  from: Set<string>;
  /** Identities of all that it has or had here since, so that nothing comes twice. */
  known: Set<string>;
  /** Packet ids that are in flight elsewhere. */
  reserved: Set<number>;
}

/** What a broker keeps for a client: across connections when it came with clean=0, else for one connection. */
export class Session {
  readonly clientId: string;
  readonly queue: OutboundQueue;
  readonly subscriptions = new Map<string, StoredSubscription>();
  /** QoS 2 messages from this client that wait for PUBREL, by packet id. */
  readonly incoming = new Map<number, Message>();
  /** Those of them that are on their way into the journal, and who waits for each. A reconnect does not change that. */
  readonly pendingIncoming = new Map<number, ((error?: Error) => void)[]>();
  /** Who owns the client id; only that account may take the session over. Undefined when nobody has connected with it yet. */
  username: string | undefined;
  /**
   * Monotonic ms since which its client is away; undefined while it is connected, or about to be. It is not durable: a restart
   * begins anew, since the wall clock of a computer without a clock of its own may leap by decades after each.
   */
  awaySinceMs: number | undefined;
  /** Records up to this position are part of it already; see snapshot.ts. */
  appliedPosition = -1;
  /** What is known of it while it moves here from other brokers. */
  move: SessionMove | undefined;
  #nextMessageId = 1;

  constructor(clientId: string, bounds: QueueBounds) {
    this.clientId = clientId;
    this.queue = new OutboundQueue(bounds);
  }

  /** A packet id that is not in flight; 1 to 65535 in turn (MQTT 3.1.1, 2.3.1). */
  takeMessageId(): number {
    for (;;) {
      const candidate = this.#nextMessageId;
      this.#nextMessageId = candidate === 65_535 ? 1 : candidate + 1;
      if (!this.queue.isInflight(candidate) && this.move?.reserved.has(candidate) !== true) return candidate;
    }
  }

  /** After a restart: begin behind the ids that are in flight. */
  continueMessageIds(): void {
    for (const { messageId } of this.queue.inflight) {
      if (messageId !== undefined && messageId >= this.#nextMessageId) this.#nextMessageId = (messageId % 65_535) + 1;
    }
  }

  remove(ids: readonly DeliveryId[]): void {
    for (const id of ids) this.queue.remove(id);
  }
}
