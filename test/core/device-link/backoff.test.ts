import { describe, expect, it } from 'vitest';
import { BACKOFF, backoffMs, ConnectGate } from '../../../core/device-link/index.ts';
import { seededRandom } from '../../../core/random/index.ts';

describe('the wait before the next attempt', () => {
  it('doubles up to its bound, half of it at random', () => {
    const random = seededRandom(1);
    for (let attempt = 0; attempt < 12; attempt++) {
      const ceilingMs = Math.min(BACKOFF.lastMs, BACKOFF.firstMs * 2 ** attempt);
      const waits = Array.from({ length: 200 }, () => backoffMs(attempt, random));
      expect(Math.min(...waits)).toBeGreaterThanOrEqual(ceilingMs / 2);
      expect(Math.max(...waits)).toBeLessThanOrEqual(ceilingMs);
      expect(Math.max(...waits) - Math.min(...waits)).toBeGreaterThan(ceilingMs / 4);
    }
  });
});

describe('the connect gate', () => {
  it('lets in as many as allowed, the others in their order, each place once', async () => {
    const gate = new ConnectGate(2);
    const entered: number[] = [];
    const leave: (() => void)[] = [];
    const all = [0, 1, 2, 3].map(async (i) => {
      leave[i] = await gate.enter();
      entered.push(i);
    });
    await Promise.all(all.slice(0, 2));
    expect(entered).toEqual([0, 1]);
    leave[1]?.();
    leave[1]?.();
    await all[2];
    expect(entered).toEqual([0, 1, 2]);
    leave[0]?.();
    await all[3];
    expect(entered).toEqual([0, 1, 2, 3]);
  });
});
