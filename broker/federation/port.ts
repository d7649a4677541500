import type { DurableLog } from '../../core/log/index.ts';
import type { LinkState } from '../../core/wire/index.ts';

/** A message on its way between brokers. */
export interface FederatedMessage {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  retain: boolean;
  /** The broker that a client gave it to. */
  origin: string;
  /**
   * Given by messageOf with every retained message: the stamp that it has in the retained set. With it the message crosses
   * as a RetainedEntry (stampBroker is the origin), in its place among the others, and the peer takes it by mergeRetained.
   * Without it the difference is found by a comparison of both retained sets, right afterwards.
   */
  stampMs?: number;
}

/** A retained message with the stamp that decides between two: the later wallMs wins, then the greater broker id. An empty payload is a tombstone. */
export interface RetainedEntry {
  topic: string;
  payload: Uint8Array;
  qos: 0 | 1 | 2;
  stampMs: number;
  stampBroker: string;
}

/** What a broker offers to whatever federates it. The broker implements it; federation knows nothing else of the broker. */
export interface FederationPort {
  readonly brokerId: string;
  /** Which life of the data folder this is: made once, kept on disk; a broker with an empty folder has a new one. */
  readonly incarnation: string;

  /** Every filter that a local client, connected or with a kept session, has subscribed to; no duplicates. `$SYS` is left out. */
  localFilters(): string[];
  /** Calls back after localFilters() has changed. Returns a function that stops it. */
  onLocalFiltersChanged(callback: () => void): () => void;

  /** The log to replay from: every QoS 1 and 2 message, and every retained one, in the order of acceptance. */
  readonly journal: DurableLog;
  /** The message in a record of the journal; undefined when the record is of another kind or the message came over a link. */
  messageOf(record: Uint8Array): FederatedMessage | undefined;
  /** Calls back with each QoS 0, not retained message that a local client published. Never called for those of a link. */
  onVolatile(callback: (message: FederatedMessage) => void): () => void;

  /**
   * Takes a message from a peer. Above QoS 0: appends it to the journal together with where it came from, and resolves once
   * that is synced; a position at or below acceptedPosition(peer) is a duplicate and only resolves. Then routes it to local
   * clients (and to `$shard` subscribers), never to another link.
   *
   * It is called in the order of positions, without waiting for the one before; that order is to be kept. A rejection ends
   * the link, which then tries again from acceptedPosition: it must not have passed over the position that was rejected.
   * Retained messages do not come here but to mergeRetained.
   */
  accept(message: FederatedMessage, source: LinkSource): Promise<void>;
  /** The highest position of the peer's journal that was accepted in that incarnation, -1 when none. Survives a crash. */
  acceptedPosition(peer: string, peerIncarnation: string): number;

  /** All retained messages with their stamps, tombstones among them. */
  retained(): Iterable<RetainedEntry>;
  /** Merges a peer's retained message: kept, and delivered to local subscribers, if its stamp wins. Resolves once durable. */
  mergeRetained(entry: RetainedEntry): Promise<boolean>;
}

/** Where in which journal a message stands; `position` is undefined for a volatile one, which is in no journal. */
export interface LinkSource {
  peer: string;
  incarnation: string;
  position: number | undefined;
}

/** Joins this broker with others. One implementation today (links over TCP, one hop, full mesh); its inside may change. */
export interface Federation {
  start(): Promise<void>;
  stop(): Promise<void>;
  states(): LinkState[];
}
