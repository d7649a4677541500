import type { Entry, HardState, Message, ReadState, Snapshot, SoftState } from './types.ts';

/**
 * What a member wants done. Without asyncStorageWrites in this order, and then advance():
 *
 *   1. Write the snapshot, the entries and the hard state to disk, and wait for it if mustSync or if there is a snapshot.
 *   2. Send the messages. Not before: some of them say that 1 is done.
 *   3. Apply the snapshot and then the committed entries; a membership change also goes to applyConfChange.
 *
 * With asyncStorageWrites each of the messages goes where it is addressed to, at once: the local append thread does 1 and
 * then delivers the responses that its message carries, the local apply thread does 3 and the same. Each thread takes its
 * messages in order. advance() is not called.
 */
export interface Ready {
  /** Who leads and in which role this member is, when that has changed. Need not be kept. */
  softState?: SoftState;
  /** When it has changed. */
  hardState?: HardState;
  /** Reads that may be answered once the application has applied their index. */
  readStates: ReadState[];
  /** To be written. They replace what the storage has from the index of the first of them on. */
  entries: Entry[];
  /** To be written and applied: it replaces everything. */
  snapshot?: Snapshot;
  /** To be applied. */
  committedEntries: Entry[];
  messages: Message[];
  /**
   * False when entries and hard state may also be lost: a commit index alone is found again. It says nothing of a
   * snapshot, which has to be on disk before its messages go out in any case: they acknowledge it.
   */
  mustSync: boolean;
}

export function isEmptyHardState({ term, vote, commit }: HardState): boolean {
  return term === 0 && vote === 0 && commit === 0;
}

export function sameHardState(a: HardState, b: HardState): boolean {
  return a.term === b.term && a.vote === b.vote && a.commit === b.commit;
}

export function sameSoftState(a: SoftState, b: SoftState): boolean {
  return a.lead === b.lead && a.role === b.role;
}
