import { RaftInvariantError } from './errors.ts';
import type { Raft } from './raft.ts';
import { appendEntries } from './replication.ts';
import { NONE, type NodeId } from './types.ts';

/*
 * The changes of role (Raft, figure 4), with the pre-candidate of the thesis, section 9.6:
 *
 *   follower -> preCandidate -> candidate -> leader, and from each of them back to follower.
 */

const FIRST_OF_TERM = [{ term: 0, index: 0, type: 'EntryNormal', data: new Uint8Array(0) }] as const;

export function becomeFollower(raft: Raft, term: number, lead: NodeId): void {
  raft.reset(term);
  raft.lead = lead;
  raft.role = 'StateFollower';
  raft.onLog?.('info', `${raft.id} became follower at term ${raft.term}`);
}

/** Changes neither the term nor the vote: nothing has happened yet that others would have to know of. */
export function becomePreCandidate(raft: Raft): void {
  refuseFrom(raft, 'StateLeader', 'StatePreCandidate');
  raft.tracker.resetVotes();
  raft.lead = NONE;
  raft.role = 'StatePreCandidate';
  raft.onLog?.('info', `${raft.id} became pre-candidate at term ${raft.term}`);
}

export function becomeCandidate(raft: Raft): void {
  refuseFrom(raft, 'StateLeader', 'StateCandidate');
  raft.reset(raft.term + 1);
  raft.vote = raft.id;
  raft.role = 'StateCandidate';
  raft.onLog?.('info', `${raft.id} became candidate at term ${raft.term}`);
}

export function becomeLeader(raft: Raft): void {
  refuseFrom(raft, 'StateFollower', 'StateLeader');
  raft.reset(raft.term);
  raft.lead = raft.id;
  raft.role = 'StateLeader';
  const own = raft.tracker.progress.get(raft.id)!;
  own.becomeReplicate();
  own.recentActive = true;
  // Somewhere in what is not applied there may be a change of the members; it is cheaper to wait than to look.
  raft.pendingConfIndex = raft.log.lastIndex();
  // Only with an entry of its own term can it commit those of earlier ones: Raft, section 5.4.2.
  if (!appendEntries(raft, FIRST_OF_TERM)) throw new RaftInvariantError('the empty entry of a new term was refused');
  raft.onLog?.('info', `${raft.id} became leader at term ${raft.term}`);
}

function refuseFrom(raft: Raft, from: Raft['role'], to: Raft['role']): void {
  if (raft.role === from) throw new RaftInvariantError(`invalid transition from ${from} to ${to}`);
}
