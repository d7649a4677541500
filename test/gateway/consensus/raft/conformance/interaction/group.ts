import { type Random, seededRandom } from '../../../../../../core/random/index.ts';
import {
  describeEntries,
  describeMessage,
  describeReady,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type MessageType,
  NO_LIMIT,
  type NodeId,
  type RaftConfig,
  type Snapshot,
} from '../../../../../../gateway/consensus/raft/index.ts';
import { describeProgressMap } from '../../../../../../gateway/consensus/raft/tracker/index.ts';
import { Member } from './member.ts';
import { type Output, wordsOf } from './output.ts';

const ELECTION_TICK = 3;

export interface Recipient {
  id: NodeId;
  isDropped: boolean;
}

/**
 * A group of members and the messages on their way between them, driven step by step; every step prints what happens.
 * After etcd-io/raft, rafttest/interaction_env.go.
 */
export class Group {
  readonly output: Output;
  readonly #electionTimeouts: ReadonlyMap<NodeId, number>;
  readonly #members: Member[] = [];
  #messages: Message[] = [];

  /** electionTimeouts in ticks: what a member draws each time; one that is not there draws at random. */
  constructor(output: Output, electionTimeouts: ReadonlyMap<NodeId, number>) {
    this.output = output;
    this.#electionTimeouts = electionTimeouts;
  }

  member(id: NodeId): Member {
    const member = this.#members[id - 1];
    if (member === undefined) throw new Error(`no member ${id}`);
    return member;
  }

  /** Of the given members, or of all when none is given. */
  ids(given: readonly NodeId[] = []): readonly NodeId[] {
    return given.length > 0 ? given : this.#members.map((_, i) => i + 1);
  }

  addMembers(count: number, config: Partial<RaftConfig>, first: Snapshot): void {
    for (let i = 0; i < count; i++) {
      const id = this.#members.length + 1;
      const limits = { maxSizePerMsg: NO_LIMIT, maxInflightMsgs: NO_LIMIT };
      const own = { id, electionTick: ELECTION_TICK, heartbeatTick: 1, random: this.#random(id) };
      this.#members.push(new Member({ ...limits, ...own, ...config }, first));
    }
  }

  #random(id: NodeId): Random {
    const random = seededRandom(id);
    const timeout = this.#electionTimeouts.get(id);
    return timeout === undefined ? random : { ...random, below: () => timeout - ELECTION_TICK };
  }

  processReady(id: NodeId): void {
    const member = this.member(id);
    const ready = member.node.ready();
    this.output.write(describeReady(ready));
    const isAsync = member.config.asyncStorageWrites === true;
    if (!isAsync) {
      member.append(ready.hardState, ready.entries, ready.snapshot);
      member.apply(ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (message.type === 'MsgStorageAppend') member.appendWork.push(message);
      else if (message.type === 'MsgStorageApply') member.applyWork.push(message);
      else this.#messages.push(message);
    }
    if (!isAsync) member.node.advance();
  }

  processAppendThread(id: NodeId): void {
    const member = this.member(id);
    this.#work(member.appendWork, 'no append work to perform', (task) => {
      const { term, vote, commit } = task;
      const hardState = term === 0 && vote === 0 && commit === 0 ? undefined : { term, vote, commit };
      member.append(hardState, task.entries, task.snapshot);
    });
  }

  processApplyThread(id: NodeId): void {
    const member = this.member(id);
    this.#work(member.applyWork, 'no apply work to perform', (task) => member.apply(task.entries));
  }

  #work(queue: Message[], otherwise: string, carryOut: (task: Message) => void): void {
    const next = queue.shift();
    if (next === undefined) {
      this.output.write(otherwise);
      return;
    }
    const { responses = [], ...task } = next;
    this.output.write(`Processing:\n${describeMessage(task)}\n`);
    carryOut(task);
    this.output.write('Responses:\n');
    for (const response of responses) this.output.writeLine(describeMessage(response));
    this.#messages.push(...responses);
  }

  /** How many were delivered or dropped. */
  deliver(recipients: readonly Recipient[], type?: MessageType): number {
    let count = 0;
    for (const { id, isDropped } of recipients) {
      // What a member tells itself and its storage cannot be lost.
      const isMeant = (message: Message) =>
        message.to === id && !(isDropped && isLocal(message)) && (type === undefined || message.type === type);
      const delivered = this.#messages.filter(isMeant);
      this.#messages = this.#messages.filter((message) => !isMeant(message));
      count += delivered.length;
      for (const message of delivered) {
        this.output.writeLine(`${isDropped ? 'dropped: ' : ''}${describeMessage(message)}`);
        if (!isDropped) this.#step(message);
      }
    }
    return count;
  }

  #step(message: Message): void {
    try {
      this.member(message.to).node.step(message);
    } catch (error) {
      this.output.writeLine(wordsOf(error));
    }
  }

  /** Handles what is ready and delivers what is sent among these members, until nothing happens any more. */
  stabilize(given: readonly NodeId[]): void {
    const ids = this.ids(given);
    const round = (title: string, isDue: (id: NodeId) => boolean, act: (id: NodeId) => void): boolean => {
      let hasActed = false;
      for (const id of ids) {
        if (!isDue(id)) continue;
        hasActed = true;
        this.output.writeLine(`> ${id} ${title}`);
        this.output.indented(() => act(id));
      }
      return hasActed;
    };
    const untilDone = (queue: Message[], act: () => void) => {
      while (queue.length > 0) act();
    };
    let hasActed = true;
    while (hasActed) {
      hasActed = [
        round(
          'handling Ready',
          (id) => this.member(id).node.hasReady(),
          (id) => this.processReady(id),
        ),
        round(
          'receiving messages',
          (id) => this.#messages.some((message) => message.to === id),
          (id) => this.deliver([{ id, isDropped: false }]),
        ),
        round(
          'processing append thread',
          (id) => this.member(id).appendWork.length > 0,
          (id) => untilDone(this.member(id).appendWork, () => this.processAppendThread(id)),
        ),
        round(
          'processing apply thread',
          (id) => this.member(id).applyWork.length > 0,
          (id) => untilDone(this.member(id).applyWork, () => this.processApplyThread(id)),
        ),
      ].includes(true);
    }
  }

  tick(id: NodeId, times: number): void {
    for (let i = 0; i < times; i++) this.member(id).node.tick();
  }

  sendSnapshot(from: NodeId, to: NodeId): void {
    const message: Message = {
      type: 'MsgSnap',
      to,
      from,
      term: this.member(from).node.basicStatus().hardState.term,
      logTerm: 0,
      index: 0,
      entries: [],
      commit: 0,
      vote: 0,
      snapshot: this.member(from).storage.snapshot(),
      reject: false,
      rejectHint: 0,
    };
    this.#messages.push(message);
    this.output.write(describeMessage(message));
  }

  printLog(id: NodeId): void {
    const { storage } = this.member(id);
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    if (last < first) {
      this.output.write(`log is empty: first index=${first}, last index=${last}`);
      return;
    }
    this.output.write(describeEntries(storage.entries(first, last + 1, NO_LIMIT)));
  }

  printStatus(id: NodeId): void {
    this.output.write(describeProgressMap(this.member(id).node.status().progress));
  }

  /** Every member's role, as it sees itself. */
  printRaftState(): void {
    for (const member of this.#members) {
      const { id, softState, hardState, config } = member.node.status();
      const voter = config.voters.has(id) ? '(Voter)' : '(Non-Voter)';
      this.output.writeLine(`${id}: ${softState.role} ${voter} Term:${hardState.term} Lead:${softState.lead}`);
    }
  }
}

function isLocal({ from, to }: Message): boolean {
  const threads = [LOCAL_APPEND_THREAD, LOCAL_APPLY_THREAD];
  return from === to || threads.includes(from) || threads.includes(to);
}
