import type { DurableLog } from '../../core/log/index.ts';
import type { LinkState, StreamState } from '../../core/wire/index.ts';

/** Who of a share group gets a message: a broker, and there one client. */
export interface ShareTarget {
  /** `$share/{group}/{filter}`. */
  filter: string;
  broker: string;
  clientId?: string;
}

/** A message on its way between brokers. */
export interface FederatedMessage {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** With a retained message: the stamp that it has in the retained set, which decides between two (an empty payload deletes). */
  stamp?: { ms: number; broker: string };
  /** For share groups: the member that was chosen when the message was published. */
  shares?: readonly ShareTarget[];
  /** Nobody but those of `shares` is to get it. */
  isForShareOnly?: true;
  /** From a link: which of its origin's messages it is, to tell one that came by two ways (a session that moves). */
  sequence?: number;
}

/** A retained message with the stamp that decides between two: the later stampMs wins, then the greater broker id. An empty payload is a tombstone. */
export interface RetainedEntry {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  stampMs: number;
  stampBroker: string;
}

/** Where a batch comes from: the positions of its origin's journal, below `until`, that it completes. */
export interface BatchSource {
  origin: string;
  incarnation: string;
  until: number;
}

/** What a broker offers to whatever federates it. The broker implements it; federation knows nothing else of the broker. */
export interface FederationPort {
  readonly brokerId: string;
  /** Which life of the data folder this is: made once, kept on disk; a broker with an empty folder has a new one. */
  readonly incarnation: string;
  /** Begins a new life, since others have had more of this one than the journal holds. Durable once it resolves. */
  renewIncarnation(): Promise<void>;

  /** Every filter that a local client, connected or with a kept session, has subscribed to; no duplicates. `$SYS` is left out. */
  localFilters(): Iterable<string>;
  /** Calls back with each filter that has got its first local subscriber, or has lost its last. Returns a function that stops it. */
  onLocalFilter(callback: (filter: string, isWanted: boolean) => void): () => void;

  /** The log to send from: every QoS 1 and 2 message, and every retained one, in the order of acceptance. */
  readonly journal: DurableLog;
  /** The messages of local clients in a record of the journal; none when they came over a link, or the record is of another kind. */
  messagesOf(record: Uint8Array): FederatedMessage[];
  /**
   * Positions [from, until) of the journal of which is known that no other broker wants anything there (Cluster.isWanted was
   * asked as they were published), so that they need not be read. Empty when `until` is not above `from`.
   */
  unwanted(): { from: number; until: number };
  /** Calls back with each QoS 0, not retained message that a local client published. Never called for those of a link. */
  onVolatile(callback: (message: FederatedMessage) => void): () => void;

  /** Calls back with each message of QoS 0 of a local client that stands in the journal, and where: retained ones, and those that follow one. */
  onJournalledVolatile(callback: (topic: string, position: number) => void): () => void;

  /**
   * Takes messages of QoS 1 and 2 and retained ones, all or none, with the position that they lead to: appends them to the
   * journal and resolves once that is synced, then routes them to local clients, never to another link.
   *
   * It is called in the order of positions, without waiting for the batch before; that order is to be kept. A rejection
   * leaves acceptedUntil where it was, and every batch behind the rejected one is rejected too.
   */
  accept(messages: readonly FederatedMessage[], source: BatchSource): Promise<void>;
  /** Routes messages that are in no journal to local clients. */
  acceptVolatile(messages: readonly FederatedMessage[], origin: string): void;
  /** Positions of an origin's journal below this one were taken in that incarnation; 0 when none. Survives a crash. */
  acceptedUntil(origin: string, incarnation: string): number;

  /** All retained messages with their stamps, tombstones among them. */
  retained(): Iterable<RetainedEntry>;
  /** Calls back with each entry that has left the set, and with each that has come; both when one takes the place of the other. */
  onRetained(callback: (gone: RetainedEntry | undefined, come: RetainedEntry | undefined) => void): () => void;
  /**
   * Merges retained messages of a peer: each kept, and delivered to local subscribers, if its stamp wins and can be believed.
   * Resolves with the number that won, once durable.
   */
  mergeRetained(entries: readonly RetainedEntry[]): Promise<number>;

  /** Messages for another broker were given up for good, at a bound (see DROP_CAUSES). */
  noteGap(to: string, cause: string, count: number): void;

  /** The next stamp of the hybrid clock: ms, above every stamp that was seen. */
  stampMs(): number;
  /** Takes a peer's clock into account, if it can be believed. */
  observeStampMs(stampMs: number, peer: string): void;
}

/** The other brokers as a broker's own parts see them, wherever they are in the mesh. */
export interface Cluster {
  readonly brokerId: string;
  /** Brokers that can be reached now, this one left out. */
  reachable(): readonly string[];
  onReachableChanged(callback: (joined: readonly string[], left: readonly string[]) => void): () => void;
  /** Sends a datagram of at most 256 KiB, which may be lost. False when the broker cannot be reached. */
  send(to: string, kind: string, body: Uint8Array): boolean;
  onDatagram(kind: string, handler: (from: string, body: Buffer) => void): () => void;
  /** Resolves with true when every reachable broker routes by this broker's present subscriptions, with false after timeoutMs. */
  interestSettled(timeoutMs: number): Promise<boolean>;
  /**
   * Resolves with true when a broker has all that it gets of what was published until now, here and at every other broker that
   * can be reached; with false after timeoutMs.
   */
  caughtUp(node: string, timeoutMs: number): Promise<boolean>;
  /** The `$share/{group}/{filter}` of other brokers that match a topic, each with the brokers that have members. */
  shareNodes(topic: string): ReadonlyMap<string, readonly string[]>;
  /** Whether a message of QoS 0 has to go into the journal, or it would overtake one of its topic that stands there. */
  mustFollow(topic: string): boolean;
  /** Whether a client of another broker wants the topic, or may want it: there is one of which nothing is known yet. */
  isWanted(topic: string): boolean;
}

/** Joins this broker with others. One implementation today: streams end to end over links of our own. */
export interface Federation extends Cluster {
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The links of this broker. */
  states(): LinkState[];
  /** The streams to every broker that was heard of. */
  streams(): StreamState[];
}
