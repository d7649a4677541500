import { EventEmitter } from 'node:events';
import { codeOf, LatticeError, messageOf } from '../../../core/errors/index.ts';
import { nodeLogFs } from '../../../core/log/index.ts';
import { delay, type Timer } from '../../../core/time/index.ts';
import type { Message, NodeId } from '../raft/index.ts';
import {
  type Member,
  type MemberChange,
  Replica,
  type ReplicaEffect,
  type ReplicaEvent,
  type ReplicaStatus,
} from '../replica/index.ts';
import { openRaftStorage, type RaftStorage } from '../storage/index.ts';
import { Boot } from './boot.ts';
import { Calls } from './calls.ts';
import { DiskQueue } from './disk-queue.ts';
import { Mail } from './mail.ts';
import { Pace } from './pace.ts';
import type { Group, GroupEvents, GroupNodeDeps, GroupNodeOptions } from './types.ts';

const TICK_MS = 15;
const ELECTION_TICKS = 10;
const HEARTBEAT_TICKS = 2;
const CHECKPOINT_AGAIN_MS = 2_000;

/**
 * Runs one member of a Raft group: gives its replica time, messages and confirmations of the disk, and carries out what it
 * says. Whatever the replica does happens in one turn of the event loop; only the disk and the network take longer.
 */
export class GroupNode extends EventEmitter<GroupEvents> implements Group {
  readonly #options: GroupNodeOptions;
  readonly #deps: GroupNodeDeps;
  readonly #pace: Pace;
  readonly #mail: Mail;
  readonly #calls = new Calls();
  #storage: RaftStorage | undefined;
  #disk: DiskQueue | undefined;
  #boot: Boot | undefined;
  #replica: Replica | undefined;
  #timer: Timer | undefined;
  #queue: ReplicaEvent[] = [];
  #isStepping = false;
  readonly #stopping = new AbortController();
  #reads = 0;
  #checkpointing: Promise<void> = Promise.resolve();

  constructor(options: GroupNodeOptions, deps: GroupNodeDeps) {
    super();
    this.#options = options;
    this.#deps = deps;
    this.#pace = new Pace(options.tickMs ?? TICK_MS, options.electionTicks ?? ELECTION_TICKS);
    this.#mail = new Mail({
      name: options.name,
      transport: deps.transport,
      onMessage: (message) => this.#onMessage(message),
      onUnreachable: (peer) => this.#step({ type: 'unreachable', peer }),
      onDead: (peer) => this.#step({ type: 'dead', peer }),
      onSnapshotSent: (to, ok) => this.#step({ type: 'snapshotSent', to, ok }),
    });
  }

  get status(): ReplicaStatus | undefined {
    return this.#replica?.status;
  }

  /** Name of the disk, once it takes part. */
  get disk(): string | undefined {
    return this.#boot?.disk;
  }

  /** Opens what is on disk. Rejects with RAFT_STORAGE_DAMAGED, DATA_LOCKED, DISK_FULL or DISK_FAILED. */
  async start(): Promise<void> {
    const { clock, transport, machine, diskOf, fs = nodeLogFs } = this.#deps;
    const storage = await openRaftStorage(this.#options.directory, { clock, fs });
    this.#storage = storage;
    this.#disk = new DiskQueue({
      clock,
      storage,
      onPersisted: () => this.#step({ type: 'persisted' }),
      onFull: (isFull, error) => this.#onFull(isFull, error),
      onFailed: (error) => this.#fail(error),
    });
    this.#boot = await Boot.open({
      ...{ clock, transport, storage, diskOf },
      name: this.#options.name,
      directory: this.#options.directory,
      initialMembers: this.#options.initialMembers,
      emptyState: () => machine.snapshot(),
      membersNow: () => this.#replica?.status.members,
      onReady: (id) => this.#begin(id),
      onFailed: (error) => this.#fail(error),
    });
    this.#mail.setMembers(this.#boot.members);
    this.#mail.start();
    this.#boot.start();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#stopping.abort();
    this.#timer?.cancel();
    this.#mail.stop();
    this.#boot?.stop();
    this.#calls.refuseAll('COORDINATION_UNAVAILABLE', 'This gateway is stopping.');
    await this.#disk?.stop();
    await this.#checkpointing;
    await this.#storage?.close();
  }

  propose(id: string, command: Uint8Array, timeoutMs: number): Promise<unknown> {
    return this.#call(id, { type: 'propose', id, command, deadlineMs: this.#deadline(timeoutMs) });
  }

  read(query: unknown, consistency: 'linearizable' | 'lease' | 'serializable', timeoutMs: number): Promise<unknown> {
    const id = `read-${++this.#reads}`;
    return this.#call(id, { type: 'read', id, query, consistency, deadlineMs: this.#deadline(timeoutMs) });
  }

  async changeMembers(changes: MemberChange[], timeoutMs: number): Promise<Member[]> {
    const id = `members-${this.#deps.random.next()}`;
    const deadlineMs = this.#deadline(timeoutMs);
    return (await this.#call(id, { type: 'changeMembers', id, changes, deadlineMs })) as Member[];
  }

  transferTo(name: string): void {
    const to = this.status?.members.find((member) => member.name === name);
    if (to?.role !== 'voter') throw new LatticeError('MEMBER_CHANGE_REFUSED', `${name} is no voter of this group.`);
    this.#step({ type: 'transfer', to: to.id });
  }

  get #isStopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  #deadline(timeoutMs: number): number {
    return this.#deps.clock.monotonicMs() + timeoutMs;
  }

  #call(id: string, event: ReplicaEvent): Promise<unknown> {
    if (this.#replica === undefined || this.#isStopped) {
      const reason = this.#isStopped
        ? 'This gateway is stopping.'
        : 'This gateway does not take part in its group yet.';
      return Promise.reject(new LatticeError('COORDINATION_UNAVAILABLE', reason));
    }
    const answer = this.#calls.wait(id);
    this.#step(event);
    return answer;
  }

  /** This member knows who it is, and what it knew when it stopped. */
  #begin(id: NodeId): void {
    const { random, machine, duties, log } = this.#deps;
    const { tickMs = TICK_MS, electionTicks = ELECTION_TICKS, heartbeatTicks = HEARTBEAT_TICKS } = this.#options;
    const { leaseReads = false, checkpointEntries = 10_000 } = this.#options;
    const onLog = (level: string, line: string): void => {
      if (level !== 'debug') log.debug({ raft: level }, line);
    };
    this.#replica = new Replica(
      { id, electionTicks, heartbeatTicks, leaseReads, checkpointEntries },
      { machine, duties, random: random.fork(`raft ${id}`), tickMs, ...(log.isLevelEnabled('debug') ? { onLog } : {}) },
      (this.#boot as Boot).recovered,
    );
    const { members } = this.#replica.status;
    this.#mail.setMembers(members.length > 0 ? members : (this.#boot as Boot).members);
    // A group of one need not wait for anybody.
    if (members.length === 1 && members[0]?.id === id) this.#step({ type: 'stand' });
    this.#armTick();
    this.emit('members', members);
  }

  #armTick(): void {
    const { clock } = this.#deps;
    const isLeader = this.#replica?.role === 'StateLeader';
    this.#timer = clock.setTimer(this.#pace.beginTick(isLeader, clock.monotonicMs()), () => {
      // What has arrived while this process did something else is read before time is counted: else a late leader looks dead.
      setImmediate(() => {
        if (this.#isStopped) return;
        this.#step({ type: 'tick' });
        this.#armTick();
      });
    });
  }

  #onMessage(message: Message): void {
    if (this.#replica === undefined) this.#boot?.onRaftMessage(message);
    // One that was removed and taken in again is another member, and must not answer as the one that it was.
    if (this.#replica?.id !== message.to) return;
    this.#pace.heard(message, this.#replica.term, this.#deps.clock.monotonicMs());
    this.#step({ type: 'message', message });
  }

  /**
   * What comes while the effects of another event are carried out (a listener asks for something, a message cannot be handed over)
   * waits for them: effects are carried out in order.
   */
  #step(event: ReplicaEvent): void {
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        if (this.#replica === undefined || this.#isStopped) continue;
        for (const effect of this.#replica.step(next, this.#deps.clock.monotonicMs())) this.#carryOut(effect);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isStepping = false;
    }
  }

  #carryOut(effect: ReplicaEffect): void {
    switch (effect.type) {
      case 'send':
        this.#mail.send(effect.message);
        break;
      case 'persist':
        this.#disk?.write(effect.batch);
        break;
      case 'checkpoint':
        this.#checkpointing = this.#checkpoint(effect);
        break;
      case 'answer':
        this.#calls.answer(effect.id, effect.answer);
        break;
      case 'refuse':
        this.#calls.refuse(effect.id, effect.code, effect.reason);
        break;
      case 'changed':
        this.emit('changed', effect.index, effect.change);
        break;
      case 'restored':
        this.emit('restored', effect.index);
        break;
      case 'role':
        this.emit('role', (this.#replica as Replica).status);
        break;
      case 'members':
        this.#mail.setMembers(effect.members);
        this.emit('members', effect.members);
        break;
    }
  }

  async #checkpoint({ snapshot }: Extract<ReplicaEffect, { type: 'checkpoint' }>): Promise<void> {
    const { clock, log } = this.#deps;
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#storage?.checkpoint(snapshot);
        this.#step({ type: 'checkpointed', index: snapshot.metadata.index });
        return;
      } catch (error) {
        // The log goes on, and grows meanwhile.
        log.warn({ code: codeOf(error), reason: messageOf(error) }, 'the agreed state could not be written out');
        await delay(clock, CHECKPOINT_AGAIN_MS, this.#stopping.signal);
      }
    }
  }

  #onFull(isFull: boolean, error: unknown): void {
    const { log } = this.#deps;
    if (!isFull) {
      log.info('the disk takes what is agreed on again');
      return;
    }
    log.error(
      { code: codeOf(error), reason: messageOf(error) },
      'nothing can be confirmed by this gateway until there is room on its disk',
    );
    this.#handOver();
  }

  /** A leader that cannot write leaves the lead to one that can. */
  #handOver(): void {
    const { status } = this;
    if (status === undefined || status.role !== 'StateLeader') return;
    const others = status.members.filter(({ id, role }) => id !== status.id && role === 'voter');
    const best = others.reduce((a, b) => ((b.match ?? 0) > (a?.match ?? 0) ? b : a), others[0]);
    if (best !== undefined) this.#step({ type: 'transfer', to: best.id });
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return;
    this.#deps.log.error(
      { code: codeOf(error), reason: messageOf(error) },
      'this gateway takes no part in what is agreed on any more',
    );
    this.emit('failed', error);
    void this.stop();
  }
}
