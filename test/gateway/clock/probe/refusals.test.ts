import { describe, expect, it } from 'vitest';
import { Refusals } from '../../../../gateway/clock/probe/refusals.ts';
import { A, B } from './packets.ts';

describe('the list of refusals', () => {
  it('counts each reason, and joins what is alike', () => {
    const refusals = new Refusals(10);
    const forged = { reason: 'forged', detail: '', address: '10.0.0.9:4000', sender: A } as const;
    refusals.add({ ...forged, atMs: 1 });
    refusals.add({ reason: 'malformed', detail: 'length', address: '10.0.0.9:4000', sender: undefined, atMs: 2 });
    refusals.add({ ...forged, atMs: 3 });
    expect(refusals.counts()).toMatchObject({ forged: 2, malformed: 1, replayed: 0 });
    expect(refusals.last()).toEqual([
      { reason: 'forged', detail: '', address: '10.0.0.9:4000', claims: 'home/a', count: 2, lastMs: 3 },
      { reason: 'malformed', detail: 'length', address: '10.0.0.9:4000', claims: undefined, count: 1, lastMs: 2 },
    ]);
  });

  it('keeps so many kinds, and those that came last', () => {
    const refusals = new Refusals(2);
    const add = (address: string) => refusals.add({ reason: 'unasked', detail: '', address, sender: B, atMs: 0 });
    for (const address of ['one', 'two', 'one', 'three']) add(address);
    expect(refusals.last().map(({ address }) => address)).toEqual(['three', 'one']);
    expect(refusals.counts().unasked).toBe(4);
  });
});
