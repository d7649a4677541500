/*
 * The port through which the mesh agrees: a small linearizable store with leases, transactions and watches. Our own Raft
 * group, etcd and the fake of the tests stand behind it, held to one contract suite. The words are etcd's.
 */

/** A key with its value, as of some revision. */
export interface KeyValue {
  key: string;
  value: string;
  /** Revision of the store at which the key was created; it names one life of the key. */
  createRevision: number;
  /** Revision of the last change. */
  modRevision: number;
  /** 1 at creation, one more with each change. */
  version: number;
  /** The lease that the key goes with; '' when it stays. */
  leaseId: string;
}

/** One key, every key that begins with a prefix, or the keys of [from, to). Keys are ordered by their UTF-8 bytes. */
export type KeyRange = { key: string } | { prefix: string } | { from: string; to: string };

/**
 * What a transaction looks at: a field of a key against a value. A key that is not there has version, createRevision and
 * modRevision 0 and leaseId ''; a comparison of its value never holds, not even with ''. Values are ordered by their UTF-8
 * bytes; ids of leases have no order.
 */
export type Compare =
  | { key: string; target: 'version' | 'createRevision' | 'modRevision'; op: CompareOp; value: number }
  | { key: string; target: 'value'; op: CompareOp; value: string }
  | { key: string; target: 'leaseId'; op: '=' | '!='; value: string };

export type CompareOp = '=' | '!=' | '<' | '>';

export type Operation =
  | { op: 'put'; key: string; value: string; leaseId?: string }
  | { op: 'delete'; range: KeyRange }
  | { op: 'get'; range: KeyRange; limit?: number };

export type OperationResult =
  | { op: 'put'; previous?: KeyValue }
  | { op: 'delete'; deleted: KeyValue[] }
  | { op: 'get'; keyValues: KeyValue[]; hasMore: boolean };

/**
 * All comparisons hold: `success` is carried out, else `failure`; in order, at one revision, as a whole or not at all. A key is
 * changed at most once in a branch: two puts of one key, or a put into a range that is deleted, are COORDINATION_REJECTED.
 */
export interface Transaction {
  compare: Compare[];
  success: Operation[];
  failure: Operation[];
}

export interface TransactionResult {
  succeeded: boolean;
  /** Of the store, after the transaction. */
  revision: number;
  results: OperationResult[];
}

export interface Lease {
  id: string;
  /** As granted: at least what was asked for (etcd takes whole seconds, and no less than 1.5 of its election time-outs). */
  ttlMs: number;
}

export type WatchEvent =
  | { type: 'put'; keyValue: KeyValue; previous?: KeyValue }
  | { type: 'delete'; key: string; revision: number; previous?: KeyValue };

/** The changes of one revision, whole, in order. */
export interface WatchBatch {
  revision: number;
  events: WatchEvent[];
}

/**
 * `linearizable` sees every write that had been acknowledged anywhere when the read began. `lease` is as good while no clock
 * runs wrong by more than the drift that is allowed for, and costs no round-trip. `serializable` is what this member knows, maybe old.
 */
export type Consistency = 'linearizable' | 'lease' | 'serializable';

export interface CallOptions {
  /** Milliseconds until the call is given up with COORDINATION_TIMEOUT: then it may or may not have taken effect. Default 5,000. */
  timeoutMs?: number;
  /** Gives the call up as the time-out does; a call that has not been sent yet ends with COORDINATION_UNAVAILABLE. */
  signal?: AbortSignal;
  /**
   * Names a change that is passed on for another, so that it is carried out once however often, and at whichever gateway, it is asked
   * for. The client counts from 1, and has no more than 48 under way. Our own group alone knows it: other stores pass over it.
   */
  requestId?: { client: string; sequence: number };
}

export interface ReadOptions extends CallOptions {
  /** Default `linearizable`. */
  consistency?: Consistency;
  /** As of this revision; default the newest. Rejects with REVISION_COMPACTED or REVISION_IN_FUTURE. */
  revision?: number;
  /** At most so many keys. */
  limit?: number;
}

export interface CoordinatorStatus {
  driver: string;
  /** Name of the leader as this member knows it; undefined while there is none. */
  leader?: string;
  term: number;
  revision: number;
  /** Left out by a store that does not tell (etcd). */
  compactedRevision?: number;
  members: { name: string; role: 'voter' | 'learner' }[];
}

/**
 * Calls reject with a LatticeError: COORDINATION_UNAVAILABLE (no majority can be reached; nothing was changed),
 * COORDINATION_TIMEOUT (it may have been changed), LEASE_NOT_FOUND, REVISION_COMPACTED, REVISION_IN_FUTURE,
 * COORDINATION_REJECTED (too large, malformed: asking again will not help).
 */
export interface Coordinator {
  get(key: string, options?: ReadOptions): Promise<KeyValue | undefined>;
  /** In the order of keys. */
  range(range: KeyRange, options?: ReadOptions): Promise<{ keyValues: KeyValue[]; revision: number; hasMore: boolean }>;
  put(key: string, value: string, options?: CallOptions & { leaseId?: string }): Promise<{ revision: number }>;
  delete(range: KeyRange, options?: CallOptions): Promise<{ revision: number; deleted: number }>;
  transaction(transaction: Transaction, options?: CallOptions): Promise<TransactionResult>;

  /** A lease that ends ttlMs (1,000 or more) after its last renewal, and its keys with it. */
  grantLease(ttlMs: number, options?: CallOptions): Promise<Lease>;
  /** Renews; resolves with the time to live. Rejects with LEASE_NOT_FOUND when it has ended. */
  keepAlive(leaseId: string, options?: CallOptions): Promise<Lease>;
  /** Ends it, and deletes its keys, at one revision. */
  revokeLease(leaseId: string, options?: CallOptions): Promise<void>;

  /**
   * Changes from a revision on, in order, each revision once, over changes of leader and connection. Without fromRevision it
   * begins at some moment after the iteration has: to miss nothing, read first and watch from the revision of the answer plus
   * one. Ends when the signal aborts; throws REVISION_COMPACTED when what it should begin with is gone, and
   * COORDINATION_UNAVAILABLE when the coordinator is closed.
   */
  watch(range: KeyRange, options: { fromRevision?: number; signal: AbortSignal }): AsyncIterable<WatchBatch>;

  /**
   * Forgets the history below the revision: reads and watches from there reject with REVISION_COMPACTED, as does a second
   * compaction at or below it; a revision that has not been reached, with REVISION_IN_FUTURE.
   */
  compact(revision: number, options?: CallOptions): Promise<void>;
  status(): Promise<CoordinatorStatus>;
  close(): Promise<void>;
}
