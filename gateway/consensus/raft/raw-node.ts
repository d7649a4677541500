import type { AnyConfChange } from './conf-change.ts';
import { encodeConfChange } from './conf-change-data.ts';
import type { RaftConfig } from './config.ts';
import { RaftError, type RaftFault, RaftInvariantError } from './errors.ts';
import { applyConfChange, restoreMembers } from './membership.ts';
import { isLocalMessage, isLocalTarget, isResponseMessage, localMessage } from './message.ts';
import { Raft } from './raft.ts';
import { isEmptyHardState, type Ready, sameHardState, sameSoftState } from './ready.ts';
import { entriesBytes } from './size.ts';
import { type BasicStatus, basicStatus, type Status, status } from './status.ts';
import { step, tick } from './step.ts';
import {
  needsStorageAppend,
  needsStorageAppendResponse,
  storageAppend,
  storageAppendResponse,
  storageApply,
  storageApplyResponse,
} from './storage-messages.ts';
import type { Progress } from './tracker/index.ts';
import { becomeFollower } from './transitions.ts';
import {
  type ConfState,
  type EntryType,
  type HardState,
  type Message,
  NONE,
  type NodeId,
  type SoftState,
} from './types.ts';

/**
 * One member of a Raft group, as a state machine: ticks, proposals and messages go in, and ready() says what is to be
 * written, sent and applied. It waits for nothing and knows no clock, network or disk. After etcd-io/raft, rawnode.go;
 * Ongaro & Ousterhout 2014, and Ongaro's thesis for membership, reads and transfers.
 */
export class RawNode {
  readonly #raft: Raft;
  readonly #isAsync: boolean;
  #lastSoftState: SoftState;
  #lastHardState: HardState;
  #stepsOnAdvance: Message[] = [];

  /** Throws RaftError invalidConfig, and RaftInvariantError when the storage contradicts itself. */
  constructor(config: RaftConfig) {
    const raft = new Raft(config);
    const { hardState, confState } = config.storage.initialState();
    restoreMembers(raft, confState);
    if (!isEmptyHardState(hardState)) raft.load(hardState);
    if (raft.config.applied > 0) raft.log.appliedTo(raft.config.applied, 0);
    becomeFollower(raft, raft.term, NONE);
    this.#raft = raft;
    this.#isAsync = raft.config.asyncStorageWrites;
    this.#lastSoftState = raft.softState();
    this.#lastHardState = raft.hardState();
  }

  /** One tick of the logical clock. */
  tick(): void {
    tick(this.#raft);
  }

  /** Stands for election now. */
  campaign(): void {
    step(this.#raft, localMessage('MsgHup', NONE));
  }

  /** Asks for data to be appended to the log; it may still be lost. Throws RaftError proposalDropped. */
  propose(data: Uint8Array): void {
    this.#propose('EntryNormal', data);
  }

  /**
   * Asks for a change of the members. One that must not be made now becomes an empty entry. Throws RaftError
   * proposalDropped.
   */
  proposeConfChange(change: AnyConfChange): void {
    const { type, data } = encodeConfChange(change);
    this.#propose(type, data);
  }

  #propose(type: EntryType, data: Uint8Array): void {
    const message = localMessage('MsgProp', this.#raft.id);
    message.entries = [{ term: 0, index: 0, type, data }];
    throwOn(step(this.#raft, message));
  }

  /**
   * A change of the members that was committed takes effect; the application calls this as it applies the entry, unless it
   * rejects the change. Throws MEMBER_CHANGE_REFUSED, and changes nothing, when it does not fit the members, which is the
   * same on every member.
   */
  applyConfChange(change: AnyConfChange): ConfState {
    return applyConfChange(this.#raft, change);
  }

  /** Takes in a message of another member, or of the local threads. Throws RaftError. */
  step(message: Message): void {
    if (!isLocalTarget(message.from)) {
      if (isLocalMessage(message.type)) {
        throw new RaftError('stepLocalMessage', `${message.type} came from ${message.from}`);
      }
      if (isResponseMessage(message.type) && !this.#raft.tracker.progress.has(message.from)) {
        throw new RaftError('stepPeerNotFound', `${message.type} came from ${message.from}, which is no member`);
      }
    }
    throwOn(step(this.#raft, message));
  }

  /** Whether ready() has anything to say. */
  hasReady(): boolean {
    const raft = this.#raft;
    return (
      raft.messages.length > 0 ||
      raft.messagesAfterAppend.length > 0 ||
      raft.readStates.length > 0 ||
      raft.lead !== this.#lastSoftState.lead ||
      raft.role !== this.#lastSoftState.role ||
      raft.term !== this.#lastHardState.term ||
      raft.vote !== this.#lastHardState.vote ||
      raft.log.committed !== this.#lastHardState.commit ||
      raft.log.unstable.nextSnapshot() !== undefined ||
      raft.log.unstable.hasNextEntries() ||
      raft.log.hasNextCommittedEntries(!this.#isAsync)
    );
  }

  /** What is to be done, as told at Ready. It is handed out once. */
  ready(): Ready {
    const raft = this.#raft;
    const hardState = raft.hardState();
    const softState = raft.softState();
    const entries = raft.log.unstable.nextEntries();
    const snapshot = raft.log.unstable.nextSnapshot();
    const before = this.#lastHardState;
    const ready: Ready = {
      readStates: raft.readStates,
      entries,
      committedEntries: raft.log.nextCommittedEntries(!this.#isAsync),
      messages: raft.messages,
      mustSync: entries.length > 0 || hardState.vote !== before.vote || hardState.term !== before.term,
    };
    if (!sameSoftState(softState, this.#lastSoftState)) {
      ready.softState = softState;
      this.#lastSoftState = softState;
    }
    if (!sameHardState(hardState, before)) {
      ready.hardState = hardState;
      this.#lastHardState = hardState;
    }
    if (snapshot !== undefined) ready.snapshot = snapshot;

    if (this.#isAsync) this.#addStorageMessages(ready);
    else this.#addAfterAppend(ready);

    raft.readStates = [];
    raft.messages = [];
    raft.messagesAfterAppend = [];
    raft.log.unstable.acceptInProgress();
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) {
      raft.log.acceptApplying(last.index, entriesBytes(ready.committedEntries), !this.#isAsync);
    }
    return ready;
  }

  #addStorageMessages(ready: Ready): void {
    if (needsStorageAppend(this.#raft, ready)) ready.messages.push(storageAppend(this.#raft, ready));
    if (ready.committedEntries.length > 0) ready.messages.push(storageApply(this.#raft, ready.committedEntries));
  }

  /** What waits for the disk: to others it follows the other messages, to itself it is stepped by advance(). */
  #addAfterAppend(ready: Ready): void {
    if (this.#stepsOnAdvance.length > 0) throw new RaftInvariantError('ready() was called twice without advance()');
    for (const message of this.#raft.messagesAfterAppend) {
      if (message.to === this.#raft.id) this.#stepsOnAdvance.push(message);
      else ready.messages.push(message);
    }
    if (needsStorageAppendResponse(this.#raft, ready)) {
      this.#stepsOnAdvance.push(storageAppendResponse(this.#raft, ready));
    }
    if (ready.committedEntries.length > 0) {
      this.#stepsOnAdvance.push(storageApplyResponse(this.#raft, ready.committedEntries));
    }
  }

  /** What the last ready() asked for is done. Not with asyncStorageWrites. */
  advance(): void {
    if (this.#isAsync) throw new RaftInvariantError('advance() was called with asyncStorageWrites');
    const steps = this.#stepsOnAdvance;
    this.#stepsOnAdvance = [];
    for (const message of steps) step(this.#raft, message);
  }

  /** With the members' progress, as copies. basicStatus() and withProgress() are cheaper. */
  status(): Status {
    return status(this.#raft);
  }

  basicStatus(): BasicStatus {
    return basicStatus(this.#raft);
  }

  /** Looks at each member's progress, which must not be changed. */
  withProgress(visit: (id: NodeId, progress: Readonly<Progress>) => void): void {
    for (const [id, progress] of this.#raft.tracker.progress) visit(id, progress);
  }

  /** The last message to that member did not arrive. */
  reportUnreachable(id: NodeId): void {
    step(this.#raft, localMessage('MsgUnreachable', id));
  }

  /** How sending a snapshot to that member ended. It gets nothing else until this is told, or it has answered. */
  reportSnapshot(id: NodeId, isDelivered: boolean): void {
    const message = localMessage('MsgSnapStatus', id);
    message.reject = !isDelivered;
    step(this.#raft, message);
  }

  /** Asks the leader to hand over to that member, which takes an election timeout at most or comes to nothing. */
  transferLeader(id: NodeId): void {
    step(this.#raft, localMessage('MsgTransferLeader', id));
  }

  /**
   * A follower that has other evidence that its leader is gone may vote for another at once. It is taken back by the
   * leader's next message.
   */
  forgetLeader(): void {
    step(this.#raft, localMessage('MsgForgetLeader', NONE));
  }

  /**
   * Asks for a linearizable read, which comes as a read state with this context; not at all when it got lost. The context
   * must be the read's own within the group: a leader takes two of the same for one.
   */
  readIndex(context: Uint8Array): void {
    const message = localMessage('MsgReadIndex', NONE);
    message.context = context;
    step(this.#raft, message);
  }
}

function throwOn(fault: RaftFault | undefined): void {
  if (fault !== undefined) throw new RaftError(fault, 'the proposal was dropped');
}
