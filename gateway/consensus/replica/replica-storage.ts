import { MemoryStorage, type Snapshot, StorageError } from '../raft/index.ts';

/**
 * The log of a replica, whose snapshot is not sent while it is of before the newest member: that one would not take it, and would be
 * sent it again at once.
 */
export class ReplicaStorage extends MemoryStorage {
  /** Index of the entry that took the newest member in. */
  sentFromIndex = 0;

  get snapshotIndex(): number {
    return super.snapshot().metadata.index;
  }

  /** Throws StorageError snapshotTemporarilyUnavailable. */
  override snapshot(): Snapshot {
    const snapshot = super.snapshot();
    if (snapshot.metadata.index < this.sentFromIndex) throw new StorageError('snapshotTemporarilyUnavailable');
    return snapshot;
  }
}
