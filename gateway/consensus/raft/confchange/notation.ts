import { LatticeError } from '../../../../core/errors/index.ts';
import type { ConfChangeSingle, ConfChangeType } from '../types.ts';

const LETTERS: Record<ConfChangeType, string> = {
  ConfChangeAddNode: 'v',
  ConfChangeAddLearnerNode: 'l',
  ConfChangeRemoveNode: 'r',
  ConfChangeUpdateNode: 'u',
};

/** "v1 l2 r3 u4": make 1 a voter and 2 a learner, remove 3, update 4. Throws COORDINATION_REJECTED. */
export function parseConfChanges(text: string): ConfChangeSingle[] {
  return text
    .split(/\s+/)
    .filter((token) => token !== '')
    .map((token) => {
      const type = (Object.keys(LETTERS) as ConfChangeType[]).find((name) => LETTERS[name] === token[0]);
      if (type === undefined || !/^\d+$/.test(token.slice(1))) {
        throw new LatticeError('COORDINATION_REJECTED', `"${token}" is no change of a member (v1, l1, r1 or u1)`);
      }
      return { type, nodeId: Number(token.slice(1)) };
    });
}

/** The same the other way. */
export function formatConfChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${LETTERS[type]}${nodeId}`).join(' ');
}
