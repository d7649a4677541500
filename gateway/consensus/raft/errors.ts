/** Why a call was refused. None of them harms the group: the caller tries again, or elsewhere. */
export type RaftFault =
  /** No leader is known, the leader is on its way out, or the bound of uncommitted bytes was hit. */
  | 'proposalDropped'
  /** A message that is only ever made within a member came from outside. */
  | 'stepLocalMessage'
  /** A response of somebody who is not a member. */
  | 'stepPeerNotFound'
  /** The configuration contradicts itself or is out of range. */
  | 'invalidConfig';

/** What the caller of RawNode has to answer to. */
export class RaftError extends Error {
  readonly fault: RaftFault;

  constructor(fault: RaftFault, message: string) {
    super(message);
    this.name = 'RaftError';
    this.fault = fault;
  }
}

/**
 * A promise that the safety of Raft rests on does not hold: the log was lost or changed beneath the core, or the core
 * itself is wrong. The process must not go on, since going on could undo what was committed.
 */
export class RaftInvariantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'RaftInvariantError';
  }
}
