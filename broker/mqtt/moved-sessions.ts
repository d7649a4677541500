import type { GivenSession, MovedDelivery, MoveStore, SessionImage } from '../sessions/index.ts';
import { encodeMoved } from '../sessions/index.ts';
import { type BrokerRecord, type Delivery, identityOf, type Session, type StoredSubscription } from '../state/index.ts';
import type { BrokerStore } from '../store/index.ts';

export interface MovedSessionsOptions {
  brokerId: string;
  incarnation: () => string;
  store: BrokerStore;
  isConnected: (session: Session) => boolean;
}

type MoveParts = Pick<BrokerRecord & { kind: 'moveBegin' }, 'subscriptions' | 'incoming' | 'inflight' | 'known'>;

/** What goes into one record of the journal, far below its bound. */
const SUBSCRIPTIONS_PER_RECORD = 100;
const IDS_PER_RECORD = 2_048;
/** Of what a session has had while it moved, the latest; what is older may come twice. */
const KNOWN_GIVEN_MAX = 16_384;

/** The kept sessions of this broker, as they go to others and come from them. */
export class MovedSessions implements MoveStore {
  readonly #store: BrokerStore;
  readonly #isConnected: (session: Session) => boolean;
  readonly #brokerId: string;
  readonly #incarnation: () => string;

  constructor({ brokerId, incarnation, store, isConnected }: MovedSessionsOptions) {
    this.#store = store;
    this.#isConnected = isConnected;
    this.#brokerId = brokerId;
    this.#incarnation = incarnation;
  }

  /** In front of the identities of what this broker published, as others know them. */
  get #origin(): string {
    return `${this.#brokerId}/${this.#incarnation()}/`;
  }

  isConnected = (clientId: string): boolean => {
    const session = this.#sessionOf(clientId);
    return session !== undefined && this.#isConnected(session);
  };

  sessionOf = (clientId: string): GivenSession | undefined => {
    const session = this.#sessionOf(clientId);
    if (session === undefined) return undefined;
    const image: SessionImage = {
      username: session.username,
      subscriptions: [...session.subscriptions.values()],
      incoming: [...session.incoming.keys()],
      inflight: [...session.queue.inflight].flatMap(({ messageId }) => messageId ?? []),
      known: this.#hadHere(session),
    };
    return { image, deliveries: () => [...session.queue.deliveries()].map((delivery) => this.#moved(delivery)) };
  };

  forget = async (clientId: string, identities: ReadonlySet<string>): Promise<void> => {
    const deliveries = [...(this.#sessionOf(clientId)?.queue.deliveries() ?? [])];
    const ids = deliveries.filter((each) => identities.has(this.#global(identityOf(each)))).map(({ id }) => id);
    const records = chunksOf(ids, IDS_PER_RECORD);
    await Promise.all(records.map((some) => this.#store.commit({ kind: 'given', clientId, ids: some })));
  };

  end = async (clientId: string): Promise<void> => {
    if (this.#sessionOf(clientId) !== undefined) await this.#store.commit({ kind: 'end', clientId });
  };

  install = async (clientId: string, from: string, image: SessionImage): Promise<void> => {
    const { incoming, inflight } = image;
    const subscriptions = image.subscriptions.map(storedSubscription);
    const known = image.known.map((identity) => this.#local(identity));
    // In several records, since one has a bound.
    const commit = (parts: Partial<MoveParts>) => {
      const nothing = { subscriptions: [], incoming: [], inflight: [], known: [] };
      return this.#store.commit({ kind: 'moveBegin', clientId, from, ...nothing, ...parts });
    };
    await Promise.all([
      commit({ incoming, inflight }),
      ...chunksOf(known, IDS_PER_RECORD).map((some) => commit({ known: some })),
      ...chunksOf(subscriptions, SUBSCRIPTIONS_PER_RECORD).map((some) => commit({ subscriptions: some })),
    ]);
  };

  adopt = async (clientId: string, from: string, deliveries: MovedDelivery[]): Promise<void> => {
    const payload = Buffer.concat(
      deliveries.map((each) => encodeMoved({ ...each, identity: this.#local(each.identity) })),
    );
    await this.#store.commit({ kind: 'moved', clientId, from, payload });
  };

  finish = async (clientId: string, from: string): Promise<void> => {
    const move = this.#sessionOf(clientId)?.move;
    if (move?.from.has(from) === true) await this.#store.commit({ kind: 'moveEnd', clientId, from });
  };

  #sessionOf(clientId: string): Session | undefined {
    return this.#store.state.sessions.get(clientId);
  }

  #moved(delivery: Delivery): MovedDelivery {
    const { message, topic, qos, messageId, phase, share } = delivery;
    return {
      identity: this.#global(identityOf(delivery)),
      topic,
      ...(topic === message.topic ? {} : { messageTopic: message.topic }),
      payload: Buffer.from(message.payload as string),
      isText: typeof message.payload === 'string',
      qos: qos === 2 ? 2 : 1,
      messageQos: message.qos,
      retain: message.retain,
      ...(messageId === undefined ? {} : { messageId }),
      phase,
      ...(share === undefined ? {} : { share }),
    };
  }

  /** What a session that is on its way has had here and holds no more. */
  #hadHere({ move, queue }: Session): string[] {
    if (move === undefined) return [];
    const held = new Set([...queue.deliveries()].map(identityOf));
    const had = [...move.known].filter((identity) => !held.has(identity));
    return had.slice(-KNOWN_GIVEN_MAX).map((identity) => this.#global(identity));
  }

  #global(identity: string): string {
    return identity.startsWith('=') ? this.#origin + identity.slice(1) : identity;
  }

  #local(identity: string): string {
    return identity.startsWith(this.#origin) ? `=${identity.slice(this.#origin.length)}` : identity;
  }
}

function storedSubscription(subscription: SessionImage['subscriptions'][number]): StoredSubscription {
  const { topic, qos, rh, rap, nl, subscriptionIdentifier } = subscription;
  return {
    topic,
    qos,
    ...(rh === undefined ? {} : { rh }),
    ...(rap === undefined ? {} : { rap }),
    ...(nl === undefined ? {} : { nl }),
    ...(subscriptionIdentifier === undefined ? {} : { subscriptionIdentifier }),
  };
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) => items.slice(at * size, (at + 1) * size));
}
