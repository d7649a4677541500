import { crc32 } from 'node:zlib';
import type { Entry, HardState, NodeId, Snapshot } from '../../../gateway/consensus/raft/index.ts';
import type { Applied, Member, PersistBatch, Recovered } from '../../../gateway/consensus/replica/index.ts';
import { Violation } from '../violation.ts';
import { LeaseWatch } from './lease-watch.ts';
import { addressOf } from './types.ts';

/** The log of one member as far as it was handed to the disk. */
interface Log {
  base: number;
  /** Terms of the entries from base on. */
  terms: number[];
}

interface Watched {
  log: Log;
  /** What is on disk for sure, and so promised to others. */
  durable: { hardState: HardState; lastIndex: number; lastTerm: number };
  /** Handed to the disk and not confirmed, the oldest first. */
  pending: { hardState: HardState | undefined; lastIndex: number; lastTerm: number }[];
}

interface Committed {
  term: number;
  /** The least term in which a member was seen to know that it is committed. */
  knownInTerm: number;
  hash: number;
}

/**
 * Sees what every member does, and compares: Raft's five properties (Ongaro and Ousterhout 2014, figure 3) and what a member
 * owes to its own past. Each check costs a few operations, so that they are made at every step.
 */
export class Observer {
  readonly #watched = new Map<number, Watched>();
  /** By term: who led. */
  readonly #leaders = new Map<number, NodeId>();
  /** By voter and term: for whom. */
  readonly #votes = new Map<string, NodeId>();
  /** By index and term: the data, and the term of the entry before. */
  readonly #entries = new Map<string, { hash: number; termBefore: number }>();
  /** By index: what was applied there. */
  readonly #committed: (Committed | undefined)[] = [];
  #members: { index: number; list: readonly Member[] } = { index: 0, list: [] };
  readonly #leases = new LeaseWatch();
  readonly #nowMs: () => number;
  elections = 0;
  applied = 0;
  restores = 0;
  /** A process has begun to lead. */
  onLeads: (process: number) => void = () => {};

  /** `nowMs` is true time. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** As of the newest change that any member has applied. */
  get members(): readonly Member[] {
    return this.#members.list;
  }

  /** Highest index that is known to be committed. */
  get committedIndex(): number {
    return this.#committed.length - 1;
  }

  /** A member starts from what it found on its disk. */
  recovered(process: number, { snapshot, hardState, entries }: Recovered): void {
    const before = this.#watched.get(process);
    const log = logFrom(snapshot, entries);
    if (before !== undefined) checkPromises(process, before, hardState, log);
    const lastIndex = log.base + log.terms.length - 1;
    const durable = { hardState, lastIndex, lastTerm: termAt(log, lastIndex) as number };
    this.#watched.set(process, { log, durable, pending: [] });
  }

  /** A member wants it on its disk. */
  persisting(process: number, { hardState, entries, snapshot }: PersistBatch): void {
    const watched = this.#of(process);
    if (snapshot !== undefined) watched.log = logFrom(snapshot, []);
    const [first] = entries;
    if (first !== undefined) {
      const { log } = watched;
      if (first.index > log.base + log.terms.length) {
        throw new Violation(`gw${process} leaves a gap in its log before entry ${first.index}`);
      }
      const committed = this.#committed[first.index];
      const had = termAt(log, first.index);
      if (committed !== undefined && had === committed.term && first.term !== had) {
        throw new Violation(`gw${process} overwrites entry ${first.index} of term ${had}, which is committed`);
      }
      log.terms.length = Math.max(0, first.index - log.base);
      for (const entry of entries) this.#append(process, log, entry);
    }
    const lastIndex = watched.log.base + watched.log.terms.length - 1;
    watched.pending.push({ hardState, lastIndex, lastTerm: termAt(watched.log, lastIndex) as number });
  }

  /** The oldest of what it wanted is there. */
  persisted(process: number): void {
    const watched = this.#of(process);
    const done = watched.pending.shift();
    if (done === undefined) throw new Violation(`gw${process} was told of a write that it had not asked for`);
    const { hardState = watched.durable.hardState, lastIndex, lastTerm } = done;
    watched.durable = { hardState, lastIndex, lastTerm };
  }

  /** Election safety, and leader completeness: every entry that was committed before is in the log of a new leader. */
  leads(process: number, id: NodeId, term: number): void {
    this.elections += 1;
    const other = this.#leaders.get(term);
    if (other === id) throw new Violation(`member ${id} wins term ${term} a second time`);
    if (other !== undefined) throw new Violation(`term ${term} has two leaders, members ${other} and ${id}`);
    this.#leaders.set(term, id);
    this.onLeads(process);
    const { log } = this.#of(process);
    let index = this.committedIndex;
    while (index > log.base && (this.#committed[index] === undefined || this.#committed[index]!.knownInTerm >= term)) {
      index -= 1;
    }
    const committed = this.#committed[index];
    if (committed === undefined || index <= log.base) return;
    if (termAt(log, index) !== committed.term) {
      throw new Violation(
        `member ${id} leads in term ${term} without entry ${index} of term ${committed.term}, which was committed`,
      );
    }
  }

  votes(id: NodeId, term: number, candidate: NodeId): void {
    const key = `${id} ${term}`;
    const other = this.#votes.get(key);
    if (other !== undefined && other !== candidate) {
      throw new Violation(`member ${id} votes in term ${term} for ${other} and for ${candidate}`);
    }
    this.#votes.set(key, candidate);
  }

  /** State machine safety: at one index all apply the same command to the same effect. */
  applies(process: number, index: number, hash: number, applied: Applied): void {
    this.applied += 1;
    const entryTerm = termAt(this.#of(process).log, index);
    if (entryTerm === undefined) throw new Violation(`gw${process} applies entry ${index}, which it does not have`);
    const known = this.#committed[index];
    if (known === undefined) {
      this.#committed[index] = { term: entryTerm, knownInTerm: Number.POSITIVE_INFINITY, hash };
      this.#leases.applied(applied, this.#nowMs());
    } else if (known.term !== entryTerm || known.hash !== hash) {
      throw new Violation(
        `gw${process} applies at ${index} an entry of term ${entryTerm} to another effect than others one of term ${known.term}`,
      );
    }
  }

  /** A member in that term knows that these are committed. */
  knows(indexes: readonly number[], term: number): void {
    for (const index of indexes) {
      const known = this.#committed[index] as Committed;
      known.knownInTerm = Math.min(known.knownInTerm, term);
    }
  }

  /** The state came from a snapshot; `lastIndex` is that of the last command in it. */
  restored(process: number, lastIndex: number, hash: number): void {
    this.restores += 1;
    const known = this.#committed[lastIndex];
    if (known !== undefined && known.hash !== hash) {
      throw new Violation(`gw${process} takes a snapshot at ${lastIndex} whose state is not the one that others had`);
    }
  }

  /** `index` is how far that member has applied. */
  membersAre(process: number, index: number, members: readonly Member[]): void {
    for (const { name, address } of members) {
      if (address !== addressOf(name)) {
        throw new Violation(`gw${process} has ${name} at the address of another member, ${address}`);
      }
    }
    if (index >= this.#members.index) this.#members = { index, list: members };
  }

  #of(process: number): Watched {
    return this.#watched.get(process) as Watched;
  }

  /** Log matching: the same index and term is the same entry, and the ones before it are the same. */
  #append(process: number, log: Log, { index, term, type, data }: Entry): void {
    const termBefore = log.terms.at(-1) as number;
    const hash = crc32(data, crc32(type));
    const key = `${index}/${term}`;
    const known = this.#entries.get(key);
    if (known === undefined) {
      this.#entries.set(key, { hash, termBefore });
    } else if (known.hash !== hash || known.termBefore !== termBefore) {
      throw new Violation(`gw${process} has another entry ${index} of term ${term} than others`);
    }
    log.terms.push(term);
  }
}

/** What was confirmed on disk must be there again, unless what was on its way had overwritten it. */
function checkPromises(process: number, before: Watched, hardState: HardState, log: Log): void {
  const { term, vote } = before.durable.hardState;
  if (hardState.term < term) {
    throw new Violation(`gw${process} starts in term ${hardState.term}, and had been in ${term}`);
  }
  if (hardState.term === term && vote !== 0 && hardState.vote !== vote) {
    throw new Violation(`gw${process} has forgotten its vote for ${vote} in term ${term}`);
  }
  const { lastIndex, lastTerm } = before.durable;
  const found = termAt(log, lastIndex);
  const isOverwritten = before.pending.length > 0 && (found === undefined || found > lastTerm);
  if (lastIndex >= log.base && found !== lastTerm && !isOverwritten) {
    throw new Violation(`gw${process} has forgotten entry ${lastIndex} of term ${lastTerm}`);
  }
}

function logFrom(snapshot: Snapshot | undefined, entries: readonly Entry[]): Log {
  const { index, term } = snapshot?.metadata ?? { index: 0, term: 0 };
  return { base: index, terms: [term, ...entries.map((entry) => entry.term)] };
}

function termAt({ base, terms }: Log, index: number): number | undefined {
  return terms[index - base];
}
