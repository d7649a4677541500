import { RaftInvariantError } from './errors.ts';
import { newMessage } from './message.ts';
import type { Raft } from './raft.ts';
import { payloadBytes } from './size.ts';
import type { Progress } from './tracker/index.ts';
import { type Entry, type NodeId, type Snapshot, StorageError } from './types.ts';

/*
 * The leader's side of log replication (Raft, section 5.3). While it does not know where a follower's log parts from its
 * own it probes: one append at a time. Then it streams, without waiting for answers, within the window of Inflights. A
 * follower that needs what was compacted gets a snapshot.
 */

/** Sends what the member lacks, or an empty append that tells the commit index. Nothing while it is paused. */
export function sendAppend(raft: Raft, to: NodeId): void {
  maybeSendAppend(raft, to, true);
}

/** The same; without sendIfEmpty only if there is something to send. True when a message went out. */
export function maybeSendAppend(raft: Raft, to: NodeId, sendIfEmpty: boolean): boolean {
  const progress = raft.tracker.progress.get(to)!;
  if (progress.isPaused) return false;

  const prevIndex = progress.next - 1;
  const prevTerm = raft.log.term(prevIndex);
  if (prevTerm === undefined) return maybeSendSnapshot(raft, to, progress);

  // With a full window an empty append still goes out: should all that fills the window be lost, its answer empties it.
  const isThrottled = progress.state === 'StateReplicate' && progress.inflights.isFull;
  const entries = isThrottled ? [] : raft.log.entries(progress.next, raft.config.maxSizePerMsg);
  if (entries === undefined) return maybeSendSnapshot(raft, to, progress);
  if (entries.length === 0 && !sendIfEmpty) return false;

  const message = newMessage('MsgApp', to);
  message.index = prevIndex;
  message.logTerm = prevTerm;
  message.entries = entries;
  message.commit = raft.log.committed;
  raft.send(message);
  progress.sentEntries(entries.length, payloadBytes(entries));
  progress.sentCommit(raft.log.committed);
  return true;
}

function maybeSendSnapshot(raft: Raft, to: NodeId, progress: Progress): boolean {
  // A snapshot is large: it waits until the member is there again.
  if (!progress.recentActive) return false;
  const snapshot = availableSnapshot(raft);
  if (snapshot === undefined) {
    raft.onLog?.('debug', `${raft.id} has no snapshot to send to ${to} at the moment`);
    return false;
  }
  const { index, term } = snapshot.metadata;
  if (index === 0) throw new RaftInvariantError(`${to} needs entries that were compacted, but there is no snapshot`);
  progress.becomeSnapshot(index);
  raft.onLog?.('debug', `${raft.id} sends snapshot ${term}/${index} to ${to} [${progress}]`);
  const message = newMessage('MsgSnap', to);
  message.snapshot = snapshot;
  raft.send(message);
  return true;
}

function availableSnapshot(raft: Raft): Snapshot | undefined {
  try {
    return raft.log.snapshot();
  } catch (error) {
    if (error instanceof StorageError && error.fault === 'snapshotTemporarilyUnavailable') return undefined;
    throw error;
  }
}

/** To every other member. */
export function broadcastAppend(raft: Raft): void {
  for (const id of raft.tracker.progress.keys()) {
    if (id !== raft.id) sendAppend(raft, id);
  }
}

/** A heartbeat to every other member; with the context of a read, their answers confirm that read. */
export function broadcastHeartbeat(raft: Raft, context: Uint8Array | undefined): void {
  for (const [id, progress] of raft.tracker.progress) {
    if (id === raft.id) continue;
    const message = newMessage('MsgHeartbeat', id);
    // No more than what is known to match: beyond it the follower's entries may be others.
    message.commit = Math.min(progress.match, raft.log.committed);
    if (context !== undefined) message.context = context;
    raft.send(message);
    progress.sentCommit(message.commit);
  }
}

/**
 * Appends to the leader's own log, giving the entries their term and index. False, and nothing done, when that would
 * exceed maxUncommittedEntriesSize.
 */
export function appendEntries(raft: Raft, proposed: readonly Entry[]): boolean {
  if (!increaseUncommittedBytes(raft, payloadBytes(proposed))) {
    raft.onLog?.('warn', `${raft.id} drops a proposal: too much is uncommitted`);
    return false;
  }
  const after = raft.log.lastIndex();
  // New objects: a proposal that the network brings twice is two entries.
  const entries = proposed.map(({ type, data }, at) => ({ term: raft.term, index: after + 1 + at, type, data }));
  raft.log.append(entries);
  // The leader counts its own copy only once it is on disk, so it answers itself as a follower would.
  const ack = newMessage('MsgAppResp', raft.id);
  ack.index = after + entries.length;
  raft.send(ack);
  return true;
}

/** Commits what a majority has. True when that is more than before, and the others should be told. */
export function maybeCommit(raft: Raft): boolean {
  return raft.log.maybeCommit(raft.tracker.committed(), raft.term);
}

/**
 * One proposal may exceed the bound when nothing else is uncommitted, and what is empty always passes: the first entry of
 * a term and the leaving of a joint configuration must not be refused.
 */
function increaseUncommittedBytes(raft: Raft, bytes: number): boolean {
  const total = raft.uncommittedBytes + bytes;
  if (raft.uncommittedBytes > 0 && bytes > 0 && total > raft.config.maxUncommittedEntriesSize) return false;
  raft.uncommittedBytes = total;
  return true;
}

/** Entries were applied, so they are not uncommitted any more; some of them may never have been counted. */
export function reduceUncommittedBytes(raft: Raft, bytes: number): void {
  raft.uncommittedBytes = Math.max(0, raft.uncommittedBytes - bytes);
}
