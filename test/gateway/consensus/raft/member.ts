import { seededRandom } from '../../../../core/random/index.ts';
import {
  type ConfState,
  decodeConfChange,
  type Entry,
  type HardState,
  MemoryStorage,
  type Message,
  type MessageType,
  NO_LIMIT,
  type NodeId,
  type Progress,
  type RaftConfig,
  RawNode,
  type ReadState,
  type Ready,
  type Role,
} from '../../../../gateway/consensus/raft/index.ts';
import { newMessage } from '../../../../gateway/consensus/raft/message.ts';

export const ELECTION_TICK = 10;

export type MemberOptions = Partial<Omit<RaftConfig, 'id' | 'storage'>> & {
  voters?: NodeId[];
  learners?: NodeId[];
  hardState?: HardState;
  /** Terms of the entries that the log begins with, the first at index 1. */
  terms?: number[];
  storage?: MemoryStorage;
};

/** A message by what matters in it. */
export function message(type: MessageType, from: NodeId, to: NodeId, fields: Partial<Message> = {}): Message {
  return Object.assign(newMessage(type, to), { from, ...fields });
}

export function entry(term: number, index: number, text = ''): Entry {
  return { term, index, type: 'EntryNormal', data: new TextEncoder().encode(text) };
}

/** Entries of these terms from an index on. */
export function entriesOf(terms: readonly number[], first = 1): Entry[] {
  return terms.map((term, at) => entry(term, first + at));
}

export function text(data: Uint8Array): string {
  return new TextDecoder().decode(data);
}

export function confState(voters: NodeId[], learners: NodeId[] = []): ConfState {
  return { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false };
}

/** A storage that knows its members before its first entry. */
class SeededStorage extends MemoryStorage {
  readonly #members: ConfState;

  constructor(members: ConfState) {
    super();
    this.#members = members;
  }

  override initialState(): { hardState: HardState; confState: ConfState } {
    const { hardState, confState: ofSnapshot } = super.initialState();
    return { hardState, confState: ofSnapshot.voters.length > 0 ? ofSnapshot : this.#members };
  }
}

/** A member with its disk and its application, which obeys every ready() at once. */
export class Member {
  readonly id: NodeId;
  readonly node: RawNode;
  readonly storage: MemoryStorage;
  readonly applied: Entry[] = [];
  readonly reads: ReadState[] = [];
  lastReady: Ready | undefined;

  constructor(id: NodeId, options: MemberOptions = {}) {
    const { voters = [1, 2, 3], learners = [], hardState, terms = [], storage, ...config } = options;
    this.id = id;
    this.storage = storage ?? new SeededStorage(confState(voters, learners));
    if (hardState !== undefined) this.storage.setHardState(hardState);
    this.storage.append(entriesOf(terms));
    this.node = new RawNode({
      id,
      electionTick: ELECTION_TICK,
      heartbeatTick: 1,
      random: seededRandom(id),
      maxSizePerMsg: NO_LIMIT,
      maxInflightMsgs: 256,
      ...config,
      storage: this.storage,
    });
  }

  /** Does all that is ready, and gives what is to be sent. */
  flush(): Message[] {
    const sent: Message[] = [];
    while (this.node.hasReady()) {
      const ready = this.node.ready();
      this.lastReady = ready;
      if (ready.snapshot !== undefined) this.storage.applySnapshot(ready.snapshot);
      this.storage.append(ready.entries);
      if (ready.hardState !== undefined) this.storage.setHardState(ready.hardState);
      for (const message of ready.messages) sent.push(message);
      for (const committed of ready.committedEntries) this.#apply(committed);
      this.reads.push(...ready.readStates);
      this.node.advance();
    }
    return sent;
  }

  #apply(committed: Entry): void {
    this.applied.push(committed);
    if (committed.type !== 'EntryNormal') this.node.applyConfChange(decodeConfChange(committed));
  }

  /** Takes in a message, and gives what it sends for it. */
  receive(incoming: Message): Message[] {
    this.node.step(incoming);
    return this.flush();
  }

  tick(count = 1): Message[] {
    for (let at = 0; at < count; at++) this.node.tick();
    return this.flush();
  }

  propose(data: string): Message[] {
    this.node.propose(new TextEncoder().encode(data));
    return this.flush();
  }

  /** Stands for election and is voted for by all. */
  lead(): this {
    this.node.campaign();
    for (const request of this.flush()) {
      const type = request.type === 'MsgPreVote' ? 'MsgPreVoteResp' : 'MsgVoteResp';
      if (this.role !== 'StateLeader') this.receive(message(type, request.to, this.id, { term: request.term }));
      if (this.role === 'StateCandidate')
        this.receive(message('MsgVoteResp', request.to, this.id, { term: this.term }));
    }
    this.flush();
    return this;
  }

  get role(): Role {
    return this.node.basicStatus().softState.role;
  }

  get leader(): NodeId {
    return this.node.basicStatus().softState.lead;
  }

  get term(): number {
    return this.node.basicStatus().hardState.term;
  }

  get vote(): NodeId {
    return this.node.basicStatus().hardState.vote;
  }

  get commit(): number {
    return this.node.basicStatus().hardState.commit;
  }

  /** "term/index" of what is on disk. */
  get log(): string[] {
    const { storage } = this;
    if (storage.lastIndex() < storage.firstIndex()) return [];
    return storage
      .entries(storage.firstIndex(), storage.lastIndex() + 1, NO_LIMIT)
      .map(({ term, index }) => `${term}/${index}`);
  }

  get appliedTexts(): string[] {
    return this.applied.filter(({ data }) => data.length > 0).map(({ data }) => text(data));
  }

  progressOf(id: NodeId): Progress {
    return this.node.status().progress.get(id)!;
  }
}
