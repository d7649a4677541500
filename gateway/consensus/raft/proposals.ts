import { asConfChangeV2 } from './conf-change.ts';
import { decodeConfChange } from './conf-change-data.ts';
import type { RaftFault } from './errors.ts';
import type { Raft } from './raft.ts';
import { appendEntries, broadcastAppend } from './replication.ts';
import { type Entry, type Message, NONE } from './types.ts';

/** Entries are proposed to the leader. All of them are appended, or none. */
export function propose(raft: Raft, message: Message): RaftFault | undefined {
  if (message.entries.length === 0) return 'proposalDropped';
  // A leader that was removed leads on until another is elected, but takes in nothing new.
  if (!raft.tracker.progress.has(raft.id)) return 'proposalDropped';
  if (raft.leadTransferee !== NONE) {
    raft.onLog?.('debug', `${raft.id} drops a proposal: leadership goes to ${raft.leadTransferee}`);
    return 'proposalDropped';
  }
  const admitted = message.entries.map((entry, at) => admit(raft, entry, raft.log.lastIndex() + 1 + at));
  if (!appendEntries(raft, admitted)) return 'proposalDropped';
  broadcastAppend(raft);
  return undefined;
}

/**
 * A change of the members that must not be made now becomes an empty entry, so that its proposer's index holds. One at a
 * time is what keeps any two majorities in touch (Raft thesis, section 4.1), or a joint configuration (4.3).
 */
function admit(raft: Raft, entry: Entry, index: number): Entry {
  if (entry.type === 'EntryNormal') return entry;
  const refusal = raft.config.disableConfChangeValidation ? undefined : refuseConfChange(raft, entry);
  if (refusal !== undefined) {
    raft.onLog?.('info', `${raft.id} ignores a membership change: ${refusal}`);
    return { ...entry, type: 'EntryNormal', data: new Uint8Array(0) };
  }
  raft.pendingConfIndex = index;
  return entry;
}

function refuseConfChange(raft: Raft, entry: Entry): string | undefined {
  const { applied } = raft.log;
  if (raft.pendingConfIndex > applied) {
    return `there may be another one at ${raft.pendingConfIndex}, and only ${applied} is applied`;
  }
  const isJoint = raft.tracker.config.voters.isJoint;
  const leavesJoint = asConfChangeV2(decodeConfChange(entry)).changes.length === 0;
  if (isJoint && !leavesJoint) return 'the joint configuration has to be left first';
  if (!isJoint && leavesJoint) return 'it is empty, and there is no joint configuration to leave';
  return undefined;
}
