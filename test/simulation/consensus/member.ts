import { seededRandom } from '../../../core/random/index.ts';
import { Pace } from '../../../gateway/consensus/node/pace.ts';
import type { Message, NodeId, Snapshot } from '../../../gateway/consensus/raft/index.ts';
import {
  joinSnapshot,
  type Member,
  MemberBook,
  type Recovered,
  Replica,
  type ReplicaEffect,
  type ReplicaEvent,
  type ReplicaOptions,
  type ReplicaStatus,
  splitSnapshot,
} from '../../../gateway/consensus/replica/index.ts';
import { type GroupMachine, type RangeQuery, requestKey } from '../../../gateway/coordination/drivers/raft/index.ts';
import { encodeRequest } from '../../../gateway/coordination/state/index.ts';
import type { Boot, DiskContents, Machine, ProcessEvent, Program } from '../world/index.ts';
import { LEADER_CLIENT } from './lease-watch.ts';
import { CHECKPOINT_TIMER, MemberDisk, type MemberDiskOptions, RETRY_TIMER } from './member-disk.ts';
import { MemberMail } from './member-mail.ts';
import type { Observer } from './observer.ts';
import { type Ask, addressOf, nameOf, type Stored, type Wire } from './types.ts';
import { WatchedMachine } from './watched-machine.ts';

const TICK_TIMER = 0;
const TICK_MS = 15;
const ELECTION_TICKS = 10;

export interface MemberOptions
  extends Required<Pick<ReplicaOptions, 'leaseReads' | 'checkpointEntries' | 'trailingEntries'>> {
  /** Processes that the group begins with. */
  initial: readonly number[];
  observer: Observer;
  /** Whether followers get more patient with a leader that is slow, as in gateway/consensus/node. */
  hasPace: boolean;
  /** See MemberMailOptions. */
  unreachableRate: number;
  openDisk?: (options: MemberDiskOptions) => MemberDisk;
  /** Told of the replica of each life. */
  onStart: (process: number, member: RunningMember) => void;
}

type SimMachine = Machine<Wire, Stored>;

/** One member of a group: the production replica with the production state machine, on a simulated machine. */
export function memberProgram(options: MemberOptions): Boot<Wire, Stored> {
  return (machine, contents) => new RunningMember(options, machine, contents);
}

export class RunningMember implements Program<Wire> {
  readonly #options: MemberOptions;
  readonly #machine: SimMachine;
  readonly #pace = new Pace(TICK_MS, ELECTION_TICKS);
  readonly #callers = new Map<string, { process: number; call: number }[]>();
  readonly #mail: MemberMail;
  readonly #queue: ReplicaEvent[] = [];
  readonly #own: WatchedMachine;
  readonly #disk: MemberDisk;
  #replica: Replica | undefined;
  #isStepping = false;
  /** What a new group begins with, while it is being written. */
  #first: Recovered | undefined;
  /** Indexes that were applied in the step under way. */
  #applied: number[] = [];
  #reads = 0;
  #term = 0;

  constructor(options: MemberOptions, machine: SimMachine, contents: DiskContents<Stored>) {
    this.#options = options;
    this.#machine = machine;
    const life = machine.random.below(2 ** 32).toString(36);
    this.#own = new WatchedMachine(`${LEADER_CLIENT}${machine.id}-${life}`, (index, hash, applied) => {
      options.observer.applies(machine.id, index, hash, applied);
      this.#applied.push(index);
    });
    const { openDisk = (its: MemberDiskOptions) => new MemberDisk(its) } = options;
    this.#disk = openDisk({
      machine,
      contents,
      onPersisted: () => this.#onPersisted(),
      onCheckpointed: (index) => this.#later({ type: 'checkpointed', index }),
      onFull: () => this.#handOver(),
      onFailed: () => machine.exit('its disk failed'),
    });
    this.#mail = new MemberMail({
      machine,
      unreachableRate: options.unreachableRate,
      onMessage: (message) => this.#onRaft(message),
      tell: (event) => this.#later(event),
    });
    options.onStart(machine.id, this);
    this.#boot();
  }

  get replica(): Replica | undefined {
    return this.#replica;
  }

  /** Only of one that takes part. */
  status(): ReplicaStatus {
    return (this.#replica as Replica).status;
  }

  get state(): GroupMachine['state'] {
    return this.#own.state;
  }

  onEvent(event: ProcessEvent<Wire>): void {
    switch (event.type) {
      case 'message':
        this.#onMessage(event.from, event.message);
        break;
      case 'timer':
        this.#onTimer(event.timer);
        break;
      case 'diskDone':
        this.#disk.onDone(event.upTo);
        break;
      case 'diskFailed':
        this.#disk.onFailed(event.upTo, event.code);
        break;
    }
  }

  /** As gateway/consensus/node/boot.ts, with everybody at the beginning of the group sure of it. */
  #boot(): void {
    const { recovered, isNew } = this.#disk;
    const { initial } = this.#options;
    if (!isNew) {
      const known = recovered.snapshot === undefined ? [] : splitSnapshot(recovered.snapshot.data).book.list;
      const id = known.find(({ name }) => name === nameOf(this.#machine.id))?.id;
      if (id !== undefined) this.#begin(id, recovered);
      return;
    }
    if (!initial.includes(this.#machine.id)) return;
    const snapshot = firstSnapshot(initial, this.#own.snapshot());
    this.#first = { snapshot, hardState: { term: 1, vote: 0, commit: 1 }, entries: [] };
    this.#disk.write(this.#first);
  }

  #onPersisted(): void {
    const first = this.#first;
    if (first === undefined) {
      this.#options.observer.persisted(this.#machine.id);
      this.#later({ type: 'persisted' });
      return;
    }
    this.#first = undefined;
    this.#begin(this.#options.initial.indexOf(this.#machine.id) + 1, first);
  }

  #begin(id: NodeId, recovered: Recovered): void {
    const { observer, leaseReads, checkpointEntries, trailingEntries } = this.#options;
    observer.recovered(this.#machine.id, recovered);
    this.#term = recovered.hardState.term;
    this.#replica = new Replica(
      { id, leaseReads, checkpointEntries, trailingEntries },
      {
        machine: this.#own,
        duties: this.#own,
        // Of this life alone, as what a process draws from its system is.
        random: seededRandom(this.#machine.random.next()),
        tickMs: TICK_MS,
      },
      recovered,
    );
    this.#setMembers(this.#replica.status.members);
    this.#armTick();
  }

  #setMembers(members: readonly Member[]): void {
    this.#mail.setMembers(members);
    if (members.length > 0) this.#options.observer.membersAre(this.#machine.id, this.status().applied, members);
  }

  #armTick(): void {
    const isLeader = this.#replica?.role === 'StateLeader';
    const pacedMs = this.#pace.beginTick(isLeader, this.#machine.monotonicMs());
    this.#machine.setTimer(this.#options.hasPace ? pacedMs : TICK_MS, TICK_TIMER);
  }

  #onTimer(timer: number): void {
    if (timer === TICK_TIMER) {
      this.#step({ type: 'tick' });
      this.#armTick();
    } else if (timer === RETRY_TIMER || timer === CHECKPOINT_TIMER) {
      this.#disk.onTimer(timer);
    } else {
      this.#mail.onTimer(timer);
    }
  }

  #onMessage(from: number, wire: Wire): void {
    if (wire.kind === 'ask') this.#onAsk(from, wire.call, wire.ask);
    else this.#mail.take(from, wire);
  }

  #onRaft(message: Message): void {
    // The leader of a group that has taken this member in says by what id.
    if (this.#replica === undefined && !this.#mayJoin()) return;
    if (this.#replica === undefined) this.#begin(message.to, this.#disk.recovered);
    if (this.#replica?.id !== message.to) return;
    this.#pace.heard(message, this.#replica.term, this.#machine.monotonicMs());
    this.#step({ type: 'message', message });
  }

  #mayJoin(): boolean {
    return !this.#options.initial.includes(this.#machine.id);
  }

  #onAsk(process: number, call: number, ask: Ask): void {
    const caller = { process, call };
    if (this.#replica === undefined) {
      const reason = 'This gateway does not take part in its group yet.';
      const outcome = { ok: false as const, code: 'COORDINATION_UNAVAILABLE' as const, reason };
      this.#machine.send(process, { kind: 'answer', call, outcome });
      return;
    }
    if (ask.op === 'transfer') {
      const to = this.#replica.status.members.find(({ name }) => name === ask.to);
      if (to?.role === 'voter') this.#step({ type: 'transfer', to: to.id });
      return;
    }
    const deadlineMs = this.#machine.monotonicMs() + ask.timeoutMs;
    switch (ask.op) {
      case 'propose': {
        const id = requestKey(ask.request.id);
        this.#wait(id, caller);
        this.#step({ type: 'propose', id, command: encodeRequest(ask.request), deadlineMs });
        break;
      }
      case 'read': {
        this.#reads += 1;
        const id = `read-${this.#reads}`;
        this.#wait(id, caller);
        const query: RangeQuery = { range: { key: ask.key } };
        this.#step({ type: 'read', id, query, consistency: ask.consistency, deadlineMs });
        break;
      }
      case 'members': {
        const id = `members-${this.#machine.random.next()}`;
        this.#wait(id, caller);
        this.#step({ type: 'changeMembers', id, changes: ask.changes, deadlineMs });
        break;
      }
    }
  }

  #wait(id: string, caller: { process: number; call: number }): void {
    const callers = this.#callers.get(id);
    if (callers === undefined) this.#callers.set(id, [caller]);
    else callers.push(caller);
  }

  #answer(id: string, outcome: Extract<Wire, { kind: 'answer' }>['outcome']): void {
    for (const { process, call } of this.#callers.get(id) ?? []) {
      this.#machine.send(process, { kind: 'answer', call, outcome });
    }
    this.#callers.delete(id);
  }

  /** For what may be told in the middle of a step. */
  #later(event: ReplicaEvent): void {
    if (this.#isStepping) this.#queue.push(event);
    else this.#step(event);
  }

  #step(event: ReplicaEvent): void {
    const replica = this.#replica;
    if (replica === undefined) return;
    this.#isStepping = true;
    for (let next: ReplicaEvent | undefined = event; next !== undefined; next = this.#queue.shift()) {
      let hasWon = false;
      for (const effect of replica.step(next, this.#machine.monotonicMs())) {
        if (effect.type === 'role') {
          this.#term = effect.term;
          hasWon ||= effect.role === 'StateLeader';
        }
        this.#carryOut(effect);
      }
      this.#options.observer.knows(this.#applied, this.#term);
      this.#applied = [];
      // Not before what it has appended is known.
      if (hasWon) this.#options.observer.leads(this.#machine.id, replica.id, this.#term);
    }
    this.#isStepping = false;
  }

  #carryOut(effect: ReplicaEffect): void {
    const { observer } = this.#options;
    const { id: process } = this.#machine;
    switch (effect.type) {
      case 'send':
        this.#send(effect.message);
        break;
      case 'persist':
        observer.persisting(process, effect.batch);
        this.#disk.write(effect.batch);
        break;
      case 'checkpoint':
        this.#disk.checkpoint(effect.snapshot);
        break;
      case 'answer':
        this.#answer(effect.id, { ok: true, answer: effect.answer });
        break;
      case 'refuse':
        this.#answer(effect.id, { ok: false, code: effect.code, reason: effect.reason });
        break;
      case 'changed':
        break;
      case 'restored':
        observer.restored(process, this.state.appliedIndex, this.state.outcomeHash);
        break;
      case 'role':
        this.#machine.mark(effect.term, effect.lead);
        this.#machine.trace(() => `is ${effect.role.slice(5)} in term ${effect.term}, member ${effect.lead} leads`);
        break;
      case 'members':
        this.#setMembers(effect.members);
        this.#machine.trace(() => `has ${effect.members.map(({ name, role }) => `${name} (${role})`).join(', ')}`);
        break;
    }
  }

  #send(message: Message): void {
    if (message.type === 'MsgVoteResp' && !message.reject) {
      this.#options.observer.votes(message.from, message.term, message.to);
    }
    this.#mail.send(message);
  }

  /** A leader that cannot write leaves the lead to one that can. */
  #handOver(): void {
    const status = this.#replica?.status;
    if (status?.role !== 'StateLeader') return;
    const others = status.members.filter(({ id, role }) => id !== status.id && role === 'voter');
    const best = others.reduce((a, b) => ((b.match ?? 0) > (a?.match ?? 0) ? b : a), others[0]);
    if (best !== undefined) this.#later({ type: 'transfer', to: best.id });
  }
}

/** What every initial member begins with. */
function firstSnapshot(initial: readonly number[], state: Uint8Array): Snapshot {
  const members = initial.map((process, at): Member => {
    return { id: at + 1, name: nameOf(process), address: addressOf(nameOf(process)), role: 'voter' };
  });
  const confState = {
    voters: members.map(({ id }) => id),
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  return { metadata: { confState, index: 1, term: 1 }, data: joinSnapshot(new MemberBook(members), state) };
}
