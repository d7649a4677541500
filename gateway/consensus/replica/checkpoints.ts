import type { Snapshot } from '../raft/index.ts';
import type { ReplicaStorage } from './replica-storage.ts';

export interface CheckpointPolicy {
  checkpointEntries: number;
  checkpointBytes: number;
  trailingEntries: number;
}

/** When the state is written out as a whole, so that the log below may go. One at a time. */
export class Checkpoints {
  readonly #policy: CheckpointPolicy;
  readonly #storage: ReplicaStorage;
  #entries = 0;
  #bytes = 0;
  #isDemanded = false;
  #writing: Snapshot | undefined;

  constructor(policy: CheckpointPolicy, storage: ReplicaStorage) {
    this.#policy = policy;
    this.#storage = storage;
  }

  noteApplied(bytes: number): void {
    this.#entries += 1;
    this.#bytes += bytes;
  }

  /** One is due whatever the amount. */
  demand(): void {
    this.#isDemanded = true;
  }

  get isDue(): boolean {
    if (this.#writing !== undefined) return false;
    if (this.#isDemanded) return true;
    return this.#entries >= this.#policy.checkpointEntries || this.#bytes >= this.#policy.checkpointBytes;
  }

  begin(snapshot: Snapshot): void {
    this.#writing = snapshot;
    this.reset();
  }

  reset(): void {
    this.#entries = 0;
    this.#bytes = 0;
    this.#isDemanded = false;
  }

  /** It is on disk. */
  written(index: number): void {
    const snapshot = this.#writing;
    if (snapshot?.metadata.index !== index) throw new Error(`No checkpoint at ${index} was being written.`);
    this.#writing = undefined;
    // A leader's snapshot may have replaced everything meanwhile.
    if (index <= this.#storage.snapshotIndex) return;
    this.#storage.createSnapshot(index, snapshot.metadata.confState, snapshot.data);
    const upTo = index - this.#policy.trailingEntries;
    if (upTo >= this.#storage.firstIndex()) this.#storage.compact(upTo);
  }
}
