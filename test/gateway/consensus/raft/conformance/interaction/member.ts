import {
  type AnyConfChange,
  decodeConfChange,
  type Entry,
  type HardState,
  MemoryStorage,
  type Message,
  type RaftConfig,
  RawNode,
  type Snapshot,
} from '../../../../../../gateway/consensus/raft/index.ts';

/** A storage whose snapshot is always of the newest state of the application. */
class HistoryStorage extends MemoryStorage {
  readonly history: Snapshot[];

  constructor(first: Snapshot) {
    super();
    this.history = [first];
  }

  override snapshot(): Snapshot {
    return this.history.at(-1)!;
  }
}

/** A member of the group, with its storage, its application, and what waits for either. */
export class Member {
  readonly config: RaftConfig;
  readonly node: RawNode;
  readonly storage: HistoryStorage;
  /** MsgStorageAppend and MsgStorageApply that are not carried out yet. */
  readonly appendWork: Message[] = [];
  readonly applyWork: Message[] = [];

  /** Starts from the snapshot; one of index 0 is none. */
  constructor(config: Omit<RaftConfig, 'storage'>, first: Snapshot) {
    this.storage = new HistoryStorage(first);
    if (first.metadata.index > 0) this.storage.applySnapshot(first);
    this.config = { ...config, storage: this.storage };
    this.node = new RawNode(this.config);
  }

  append(hardState: HardState | undefined, entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    if (hardState !== undefined) this.storage.setHardState(hardState);
    if (snapshot !== undefined) this.storage.applySnapshot(snapshot);
    else this.storage.append(entries);
  }

  /** The application puts together all data that it is given; a snapshot is taken after each entry. */
  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const before = this.storage.snapshot();
      const change = confChangeOf(entry);
      const confState = change === undefined ? before.metadata.confState : this.node.applyConfChange(change);
      this.storage.history.push({
        metadata: { index: entry.index, term: entry.term, confState },
        data: Buffer.concat([before.data, change === undefined ? entry.data : change.context]),
      });
    }
  }
}

function confChangeOf(entry: Entry): AnyConfChange | undefined {
  return entry.type === 'EntryNormal' ? undefined : decodeConfChange(entry);
}
