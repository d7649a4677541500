/**
 * What a store takes. Commands are judged by these while they are applied, so every member of a group has to have the
 * same: they are no configuration.
 */
export interface StateLimits {
  keyBytesMax: number;
  valueBytesMax: number;
  /** Keys that are there; a put of one more is refused. */
  keysMax: number;
  /** Of the keys and their history, bookkeeping included; puts are refused beyond it, deletes and compaction go on. */
  storeBytesMax: number;
  leasesMax: number;
  /** Per branch of a transaction, and of comparisons. As etcd's --max-txn-ops. */
  operationsMax: number;
  /** Clients whose applied requests are remembered; beyond it the one that has been silent longest is forgotten. */
  clientsMax: number;
  /** Sequence numbers, counted back from a client's highest, of which it is known whether they were applied. */
  requestsPerClientMax: number;
  /** Of all answers that are kept for repeated requests; beyond it the oldest answer is dropped, not that it was applied. */
  answerBytesMax: number;
}

export const STATE_LIMITS: StateLimits = {
  keyBytesMax: 1_024,
  valueBytesMax: 262_144,
  keysMax: 1_000_000,
  storeBytesMax: 536_870_912,
  leasesMax: 100_000,
  operationsMax: 128,
  clientsMax: 10_000,
  requestsPerClientMax: 64,
  answerBytesMax: 8_388_608,
};

export const LEASE_TTL_MS_MIN = 1_000;
/** A year. */
export const LEASE_TTL_MS_MAX = 31_536_000_000;
