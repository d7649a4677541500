import { LatticeError } from '../../../../core/errors/index.ts';
import type { NodeId } from '../types.ts';
import type { Inflights } from './inflights.ts';

/**
 * Probe: one append, then wait for what the follower says. Replicate: one append after the other, `next` running ahead of
 * what is acknowledged. Snapshot: nothing until the snapshot has arrived or failed.
 */
export type ProgressState = 'StateProbe' | 'StateReplicate' | 'StateSnapshot';

export interface ProgressOptions {
  match: number;
  next: number;
  inflights: Inflights;
  isLearner: boolean;
  recentActive: boolean;
}

/** What a leader knows of one member's log. After etcd-io/raft, tracker/progress.go. */
export class Progress {
  /** The follower's log is known to be the leader's up to here. match < next always. */
  match: number;
  /** Index of the next entry to send. */
  next: number;
  state: ProgressState = 'StateProbe';
  /** In StateSnapshot the index of the snapshot that was sent, else 0. */
  pendingSnapshot = 0;
  /** Something was heard of the member since the last check of the quorum. */
  recentActive: boolean;
  /** No more appends until an answer or a heartbeat's answer comes. */
  msgAppFlowPaused = false;
  isLearner: boolean;
  readonly inflights: Inflights;
  /** Highest commit index that is on its way or there. */
  #sentCommit = 0;

  constructor({ match, next, inflights, isLearner, recentActive }: ProgressOptions) {
    this.match = match;
    this.next = next;
    this.inflights = inflights;
    this.isLearner = isLearner;
    this.recentActive = recentActive;
  }

  /** A copy that shares the window of messages on their way. */
  clone(): Progress {
    const copy = new Progress(this);
    copy.state = this.state;
    copy.pendingSnapshot = this.pendingSnapshot;
    copy.msgAppFlowPaused = this.msgAppFlowPaused;
    copy.#sentCommit = this.#sentCommit;
    return copy;
  }

  /** Goes on after the snapshot where one was sent, else after what is known to match. */
  becomeProbe(): void {
    const arrived = this.state === 'StateSnapshot' ? this.pendingSnapshot : 0;
    this.#become('StateProbe');
    this.next = Math.max(this.match, arrived) + 1;
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#become('StateReplicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(snapshotIndex: number): void {
    this.#become('StateSnapshot');
    this.pendingSnapshot = snapshotIndex;
    this.next = snapshotIndex + 1;
    this.#sentCommit = snapshotIndex;
  }

  /** An append with that many entries from `next` on was sent. Throws INTERNAL in StateSnapshot. */
  sentEntries(entries: number, bytes: number): void {
    switch (this.state) {
      case 'StateReplicate':
        if (entries > 0) {
          this.next += entries;
          this.inflights.add(this.next - 1, bytes);
        }
        this.msgAppFlowPaused = this.inflights.isFull;
        return;
      case 'StateProbe':
        if (entries > 0) this.msgAppFlowPaused = true;
        return;
      case 'StateSnapshot':
        throw new LatticeError('INTERNAL', 'entries sent while a snapshot is on its way');
    }
  }

  /** True when sending that commit index may let the follower commit more than it was told before. */
  canBumpCommit(index: number): boolean {
    // It cannot commit beyond next - 1, so once that was sent a higher index brings nothing.
    return index > this.#sentCommit && this.#sentCommit < this.next - 1;
  }

  sentCommit(commit: number): void {
    this.#sentCommit = commit;
  }

  /** The follower has acknowledged that index. False when that was known. */
  maybeUpdate(index: number): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /**
   * The follower has refused an append after the entry `rejected`; `matchHint` is where the logs may meet. Lowers `next`.
   * False when the answer is an old one.
   */
  maybeDecrTo(rejected: number, matchHint: number): boolean {
    if (this.state === 'StateReplicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
      return true;
    }
    // One append at a time is on its way here, so an answer to another one is old.
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, matchHint + 1), this.match + 1);
    this.#sentCommit = Math.min(this.#sentCommit, this.next - 1);
    this.msgAppFlowPaused = false;
    return true;
  }

  /** No entries may be sent now. */
  get isPaused(): boolean {
    return this.state === 'StateSnapshot' || this.msgAppFlowPaused;
  }

  /** One line as etcd's status has it, for example "StateReplicate match=11 next=15 paused inflight=3[full]". */
  toString(): string {
    const { count, isFull } = this.inflights;
    return [
      `${this.state} match=${this.match} next=${this.next}`,
      this.isLearner ? ' learner' : '',
      this.isPaused ? ' paused' : '',
      this.pendingSnapshot > 0 ? ` pendingSnap=${this.pendingSnapshot}` : '',
      this.recentActive ? '' : ' inactive',
      count > 0 ? ` inflight=${count}${isFull ? '[full]' : ''}` : '',
    ].join('');
  }

  #become(state: ProgressState): void {
    this.msgAppFlowPaused = false;
    this.pendingSnapshot = 0;
    this.state = state;
    this.inflights.reset();
  }
}

/** In the order of the ids: whoever builds one keeps to it, since messages go out in this order. */
export type ProgressMap = ReadonlyMap<NodeId, Progress>;

/** One line per member. */
export function describeProgressMap(progress: ProgressMap): string {
  return [...progress].map(([id, member]) => `${id}: ${member}\n`).join('');
}
