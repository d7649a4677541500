import { seededRandom } from '../../../../core/random/index.ts';
import type { Entry, Message, NodeId, Snapshot } from '../../../../gateway/consensus/raft/index.ts';
import {
  type Applied,
  joinSnapshot,
  type Member,
  MemberBook,
  type PersistBatch,
  type Recovered,
  Replica,
  type ReplicaEffect,
  type ReplicaEvent,
  type ReplicaOptions,
  type StateMachine,
} from '../../../../gateway/consensus/replica/index.ts';

export const TICK_MS = 15;

/** "id=text": the texts in the order in which they were applied, each id once. */
export class TextMachine implements StateMachine {
  texts: string[] = [];
  #ids = new Set<string>();

  apply(command: Uint8Array, index: number): Applied {
    const [id = '', text = ''] = Buffer.from(command).toString().split('=');
    if (!this.#ids.has(id)) {
      this.#ids.add(id);
      this.texts.push(text);
    }
    return { id, answer: this.texts.indexOf(text) + 1, change: index };
  }

  query(): unknown {
    return [...this.texts];
  }

  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify({ texts: this.texts, ids: [...this.#ids] }));
  }

  restore(snapshot: Uint8Array): void {
    const { texts, ids } = JSON.parse(Buffer.from(snapshot).toString());
    this.texts = texts;
    this.#ids = new Set(ids);
  }
}

/** What a group of these members begins with on disk. */
export function beginning(ids: readonly NodeId[]): Recovered {
  const members = ids.map((id): Member => ({ id, name: `g${id}`, address: `host-${id}:1`, role: 'voter' }));
  const confState = { voters: [...ids], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
  const data = joinSnapshot(new MemberBook(members), new TextMachine().snapshot());
  return {
    snapshot: { metadata: { confState, index: 1, term: 1 }, data },
    hardState: { term: 1, vote: 0, commit: 1 },
    entries: [],
  };
}

export const NOTHING: Recovered = { snapshot: undefined, hardState: { term: 0, vote: 0, commit: 0 }, entries: [] };

/** What a disk holds after these batches and checkpoints. */
export class Disk {
  found: Recovered;
  readonly batches: Recovered[] = [];

  constructor(found: Recovered) {
    this.found = found;
    this.batches.push(found);
  }

  persist({ hardState, entries, snapshot }: PersistBatch): void {
    const first = entries[0]?.index ?? Number.POSITIVE_INFINITY;
    const before = snapshot === undefined ? this.found.entries.filter(({ index }) => index < first) : [];
    this.#hold({
      snapshot: snapshot ?? this.found.snapshot,
      hardState: hardState ?? this.found.hardState,
      entries: [...before, ...entries],
    });
  }

  checkpoint(snapshot: Snapshot): void {
    const entries: Entry[] = this.found.entries.filter(({ index }) => index > snapshot.metadata.index);
    this.#hold({ ...this.found, snapshot, entries });
  }

  /** What a snapshot covers was agreed on, as RaftStorage says when it is opened. */
  #hold({ snapshot, hardState, entries }: Recovered): void {
    const commit = Math.max(hardState.commit, snapshot?.metadata.index ?? 0);
    this.found = { snapshot, hardState: { ...hardState, commit }, entries };
    this.batches.push(this.found);
  }
}

/** One member with its disk, and what it has told its clients. */
export class BenchMember {
  readonly replica: Replica;
  readonly machine = new TextMachine();
  readonly disk: Disk;
  readonly told: ReplicaEffect[] = [];
  readonly dutyCalls: string[] = [];
  /** While true nothing that is asked to be written is confirmed. */
  isDiskStuck = false;
  stuck: PersistBatch[] = [];
  /** Batches that are on disk, and the replica was not told of yet. */
  written = 0;
  checkpointing: Snapshot[] = [];

  constructor(options: ReplicaOptions, recovered: Recovered, seed: string) {
    this.disk = new Disk(recovered);
    const duties = {
      begin: () => void this.dutyCalls.push('begin'),
      end: () => void this.dutyCalls.push('end'),
      due: () => [],
    };
    const random = seededRandom(`${seed} ${options.id}`);
    this.replica = new Replica(options, { machine: this.machine, duties, random, tickMs: TICK_MS }, recovered);
  }

  answerTo(id: string): unknown {
    return this.told.find((effect) => effect.type === 'answer' && effect.id === id);
  }

  answersTo(id: string): ReplicaEffect[] {
    return this.told.filter((effect) => (effect.type === 'answer' || effect.type === 'refuse') && effect.id === id);
  }

  /** The code by which a request was refused. */
  refusalOf(id: string): string | undefined {
    const refused = this.told.find((effect) => effect.type === 'refuse' && effect.id === id);
    return refused?.type === 'refuse' ? refused.code : undefined;
  }
}

/** A group in one thread and in steps of a tick; messages arrive within the tick, unless they are lost. */
export class Bench {
  readonly members = new Map<NodeId, BenchMember>();
  readonly #options: Partial<ReplicaOptions>;
  readonly #seed: string;
  nowMs = 0;
  /** Whether a message is lost. */
  isLost: (message: Message) => boolean = () => false;
  #mail: Message[] = [];

  constructor(ids: readonly NodeId[], options: Partial<ReplicaOptions> = {}, seed = 'bench') {
    this.#options = options;
    this.#seed = seed;
    for (const id of ids) this.start(id, beginning(ids));
  }

  start(id: NodeId, recovered: Recovered): BenchMember {
    const member = new BenchMember({ id, ...this.#options }, recovered, this.#seed);
    this.members.set(id, member);
    return member;
  }

  member(id: NodeId): BenchMember {
    return this.members.get(id) as BenchMember;
  }

  get leaders(): BenchMember[] {
    return [...this.members.values()].filter(({ replica }) => replica.status.role === 'StateLeader');
  }

  /** The leader of the newest term. */
  get leader(): BenchMember {
    const [newest] = this.leaders.sort((a, b) => b.replica.status.term - a.replica.status.term);
    if (newest === undefined) throw new Error('There is no leader.');
    return newest;
  }

  step(id: NodeId, event: ReplicaEvent): void {
    const member = this.member(id);
    for (const effect of member.replica.step(event, this.nowMs)) this.#carryOut(member, effect);
    while (member.written > 0) {
      member.written -= 1;
      this.step(id, { type: 'persisted' });
    }
  }

  /** Delivers until nobody has anything to say. */
  settle(): void {
    for (let message = this.#mail.shift(); message !== undefined; message = this.#mail.shift()) {
      if (this.members.has(message.to) && !this.isLost(message)) this.step(message.to, { type: 'message', message });
      if (message.type === 'MsgSnap' && this.members.has(message.from)) {
        this.step(message.from, { type: 'snapshotSent', to: message.to, ok: !this.isLost(message) });
      }
    }
  }

  tick(count = 1): void {
    for (let nth = 0; nth < count; nth++) {
      this.nowMs += TICK_MS;
      for (const id of [...this.members.keys()]) this.step(id, { type: 'tick' });
      this.settle();
    }
  }

  /** Makes a member the leader. */
  elect(id: NodeId): BenchMember {
    this.step(id, { type: 'stand' });
    this.settle();
    return this.member(id);
  }

  propose(id: NodeId, request: string, text: string, timeoutMs = 60_000): void {
    const command = Buffer.from(`${request}=${text}`);
    this.step(id, { type: 'propose', id: request, command, deadlineMs: this.nowMs + timeoutMs });
  }

  read(
    id: NodeId,
    request: string,
    consistency: 'linearizable' | 'lease' | 'serializable' = 'linearizable',
    timeoutMs = 60_000,
  ): void {
    this.step(id, { type: 'read', id: request, query: undefined, consistency, deadlineMs: this.nowMs + timeoutMs });
  }

  changeMembers(
    id: NodeId,
    request: string,
    changes: Extract<ReplicaEvent, { type: 'changeMembers' }>['changes'],
  ): void {
    this.step(id, { type: 'changeMembers', id: request, changes, deadlineMs: this.nowMs + 60_000 });
  }

  /** What was held back is on disk now. */
  unstick(member: BenchMember): void {
    member.isDiskStuck = false;
    for (const batch of member.stuck.splice(0)) {
      member.disk.persist(batch);
      this.step(member.replica.id, { type: 'persisted' });
    }
    this.settle();
  }

  confirmCheckpoints(member: BenchMember): void {
    for (const snapshot of member.checkpointing.splice(0)) {
      member.disk.checkpoint(snapshot);
      this.step(member.replica.id, { type: 'checkpointed', index: snapshot.metadata.index });
    }
  }

  #carryOut(member: BenchMember, effect: ReplicaEffect): void {
    if (effect.type === 'send') this.#mail.push(effect.message);
    else if (effect.type === 'persist' && member.isDiskStuck) member.stuck.push(effect.batch);
    else if (effect.type === 'persist') this.#write(member, effect.batch);
    else if (effect.type === 'checkpoint') member.checkpointing.push(effect.snapshot);
    else member.told.push(effect);
  }

  #write(member: BenchMember, batch: PersistBatch): void {
    member.disk.persist(batch);
    member.written += 1;
  }
}
