import type { Random } from '../../../../core/random/index.ts';
import { VirtualClock } from '../../../../core/time/index.ts';
import type { ConfState, Entry, HardState, Snapshot } from '../../../../gateway/consensus/raft/index.ts';
import type { Recovered } from '../../../../gateway/consensus/replica/index.ts';
import { openRaftStorage, type RaftStorage } from '../../../../gateway/consensus/storage/index.ts';
import type { PowerCutFs } from '../../../support/power-cut-fs.ts';

export const DIRECTORY = '/raft';

const CONF_STATE: ConfState = {
  voters: [1, 2, 3],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

export function openOn(fs: PowerCutFs): Promise<RaftStorage> {
  return openRaftStorage(DIRECTORY, { clock: new VirtualClock(), fs });
}

export function entryAt(index: number, term: number, text = `${term}/${index}`): Entry {
  return { index, term, type: 'EntryNormal', data: Buffer.from(text) };
}

export function snapshotAt(index: number, term: number): Snapshot {
  return { metadata: { confState: CONF_STATE, index, term }, data: Buffer.from(`state ${term}/${index}`) };
}

/** What a member has asked its storage for, and the storage has confirmed. */
export interface Confirmed {
  hardState: HardState;
  snapshot: { index: number; term: number };
  /** Term by index, of the entries above the snapshot. */
  terms: Map<number, number>;
}

export function nothingConfirmed(): Confirmed {
  return { hardState: { term: 0, vote: 0, commit: 0 }, snapshot: { index: 0, term: 0 }, terms: new Map() };
}

/** What a member counts on that has found this on its disk. */
export function confirmedBy({ hardState, snapshot, entries }: Recovered): Confirmed {
  const { index, term } = snapshot?.metadata ?? { index: 0, term: 0 };
  return { hardState, snapshot: { index, term }, terms: new Map(entries.map((entry) => [entry.index, entry.term])) };
}

/** A member that does what Raft would: it appends, overwrites what is not committed, votes, commits, checkpoints, is restored. */
export class ScriptedMember {
  readonly #random: Random;
  readonly #storage: Pick<RaftStorage, 'persist' | 'checkpoint'>;
  #now: Confirmed;

  constructor(
    storage: Pick<RaftStorage, 'persist' | 'checkpoint'>,
    random: Random,
    found: Confirmed = nothingConfirmed(),
  ) {
    this.#storage = storage;
    this.#random = random;
    this.#now = found;
  }

  get confirmed(): Confirmed {
    const { hardState, snapshot, terms } = this.#now;
    return { hardState, snapshot, terms: new Map(terms) };
  }

  async begin(): Promise<void> {
    const snapshot = snapshotAt(1, 1);
    const hardState = { term: 1, vote: 0, commit: 1 };
    await this.#storage.persist({ snapshot, hardState, entries: [] });
    this.#now = { hardState, snapshot: snapshot.metadata, terms: new Map() };
  }

  async round(): Promise<void> {
    const kind = this.#random.below(10);
    if (kind === 0) await this.#vote();
    else if (kind === 1) await this.#checkpoint();
    else if (kind === 2) await this.#checkpointBesideVote();
    else if (kind === 3) await this.#restored();
    else await this.#append();
  }

  get #last(): number {
    return Math.max(this.#now.snapshot.index, ...this.#now.terms.keys());
  }

  async #persist(hardState: HardState, entries: Entry[]): Promise<void> {
    await this.#storage.persist({ snapshot: undefined, hardState, entries });
    this.#now.hardState = hardState;
    if (entries[0] === undefined) return;
    for (const index of [...this.#now.terms.keys()]) if (index >= entries[0].index) this.#now.terms.delete(index);
    for (const { index, term } of entries) this.#now.terms.set(index, term);
  }

  #vote(): Promise<void> {
    const { term, commit } = this.#now.hardState;
    return this.#persist({ term: term + 1, vote: 1 + this.#random.below(3), commit }, []);
  }

  async #append(): Promise<void> {
    const { hardState } = this.#now;
    const isOverwriting = this.#last > hardState.commit && this.#random.below(3) === 0;
    const first = isOverwriting
      ? hardState.commit + 1 + this.#random.below(this.#last - hardState.commit)
      : this.#last + 1;
    const term = isOverwriting ? hardState.term + 1 : hardState.term;
    const count = 1 + this.#random.below(4);
    const entries = Array.from({ length: count }, (_, nth) => entryAt(first + nth, term));
    const commit = Math.max(hardState.commit, first - 1 + this.#random.below(count));
    await this.#persist({ term, vote: isOverwriting ? 0 : hardState.vote, commit }, entries);
  }

  #checkpointed(snapshot: Snapshot): void {
    this.#now.snapshot = snapshot.metadata;
    for (const index of [...this.#now.terms.keys()])
      if (index <= snapshot.metadata.index) this.#now.terms.delete(index);
  }

  async #checkpoint(): Promise<void> {
    const snapshot = this.#stateNow();
    if (snapshot === undefined) return;
    await this.#storage.checkpoint(snapshot);
    this.#checkpointed(snapshot);
  }

  /** The gateway writes a checkpoint while votes and entries go on. */
  async #checkpointBesideVote(): Promise<void> {
    const snapshot = this.#stateNow();
    if (snapshot === undefined) return;
    const checkpointed = this.#storage.checkpoint(snapshot);
    for (let turns = this.#random.below(12); turns > 0; turns--) await Promise.resolve();
    await Promise.all([this.#vote(), checkpointed]);
    this.#checkpointed(snapshot);
  }

  #stateNow(): Snapshot | undefined {
    const { commit } = this.#now.hardState;
    const term = this.#now.terms.get(commit);
    return term === undefined ? undefined : snapshotAt(commit, term);
  }

  async #restored(): Promise<void> {
    const { term } = this.#now.hardState;
    const snapshot = snapshotAt(this.#last + 5, term + 1);
    const hardState = { term: term + 1, vote: 0, commit: snapshot.metadata.index };
    await this.#storage.persist({ snapshot, hardState, entries: [] });
    this.#now = { hardState, snapshot: snapshot.metadata, terms: new Map() };
  }
}

/** What is missing or wrong in what was found, though it was confirmed. Empty when nothing is. */
export function lostOf(confirmed: Confirmed, { snapshot, hardState, entries }: Recovered): string[] {
  const lost: string[] = [];
  const base = snapshot?.metadata.index ?? 0;
  if (hardState.term < confirmed.hardState.term) lost.push(`term ${confirmed.hardState.term}`);
  const isSameTerm = hardState.term === confirmed.hardState.term;
  if (isSameTerm && confirmed.hardState.vote !== 0 && hardState.vote !== confirmed.hardState.vote)
    lost.push('the vote');
  if (base < confirmed.snapshot.index) lost.push(`the snapshot up to ${confirmed.snapshot.index}`);
  const found = new Map(entries.map(({ index, term }) => [index, term]));
  for (const [index, term] of confirmed.terms) {
    if (index <= base) continue;
    const foundTerm = found.get(index);
    // One of a later term may have taken its place: that was asked for as well.
    if (foundTerm === undefined ? !hasNewerBefore(entries, index, term) : foundTerm < term)
      lost.push(`entry ${term}/${index}`);
  }
  return lost;
}

function hasNewerBefore(entries: readonly Entry[], index: number, term: number): boolean {
  const last = entries.at(-1);
  return last !== undefined && last.index < index && last.term > term;
}
