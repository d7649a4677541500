import type { NodeId } from '../types.ts';

/** The index up to which a member is known to have the log; undefined where nothing was heard of it. */
export type AckedIndex = (id: NodeId) => number | undefined;

/** Lost: no quorum of yes can come together any more. */
export type VoteResult = 'VotePending' | 'VoteLost' | 'VoteWon';
