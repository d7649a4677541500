import { describe, expect, it } from 'vitest';
import type { FaultProfile } from '../world/faults/index.ts';
import { simulate } from './index.ts';

/** Seeds that once failed, and what it was: a bug of the production code, or of the model of its disk. */
const FOUND: [seed: number, profile: FaultProfile, bug: string][] = [
  [11, 'everything', 'a leader that was removed stopped when its own acknowledgement came from the disk'],
  [1468, 'everything', 'a leader with a slow disk answered a lease read from less than it had committed'],
  [10_084, 'everything', 'a log that went on behind a snapshot whose record was lost could not be read again'],
  [10_448, 'everything', 'voters that were taken in and restarted before they had a snapshot could not vote'],
  [
    30_234,
    'everything',
    'a candidate won by the votes of others, lost its own with its power, and won the same term again',
  ],
  [24_821, 'disks', 'a record that was torn was not cut off by the model on a full disk, and others came behind it'],
];

describe('a seed that once failed', () => {
  it.each(FOUND)('%i under %s: %s', (seed, profile) => {
    expect(simulate({ seed, profile }).violation).toBeUndefined();
  });
});
