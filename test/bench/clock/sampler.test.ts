import { describe, expect, it } from 'vitest';
import type { MeshReading } from '../../../gateway/clock/index.ts';
import { Sampler } from './sampler.ts';

describe('a sampler of a mesh clock', () => {
  it('takes one sample for each moment, also for those that passed while it could not look', () => {
    const sampler = new Sampler((ms) => ({ ms: ms + 1_000, uncertaintyMs: 2, kind: 'relative' }), 50);
    expect(sampler.waitMs(50)).toBe(50);
    sampler.look(99);
    expect(sampler.take()).toEqual([]);
    sampler.look(310);
    expect(sampler.take()).toEqual([
      [100, 1_100, 2],
      [200, 1_200, 2],
      [300, 1_300, 2],
    ]);
    sampler.look(350);
    expect(sampler.take()).toEqual([]);
    expect(sampler.faults).toEqual({ backwards: 0, offRate: 0, worstMs: 0 });
  });

  it('takes none before mesh time is known', () => {
    let reading: MeshReading = { ms: 9_000, uncertaintyMs: Number.POSITIVE_INFINITY, kind: 'none' };
    const sampler = new Sampler(() => reading, 0);
    sampler.look(150);
    expect([sampler.isSynchronised, sampler.take()]).toEqual([false, []]);
    // To be set for the first time is no step.
    reading = { ms: 5_000, uncertaintyMs: 1, kind: 'relative' };
    sampler.look(200);
    expect([sampler.isSynchronised, sampler.take()]).toEqual([true, [[200, 5_000, 1]]]);
    expect(sampler.faults.backwards).toBe(0);
  });

  it('counts what went backwards, and what went faster than a clock may', () => {
    let aheadMs = 0;
    const sampler = new Sampler((ms) => ({ ms: ms + aheadMs, uncertaintyMs: 1, kind: 'relative' }), 0);
    sampler.look(1_000);
    aheadMs = 0.4;
    sampler.look(2_000);
    expect(sampler.faults).toMatchObject({ backwards: 0, offRate: 0 });
    aheadMs = 3;
    sampler.look(2_001);
    expect(sampler.faults).toMatchObject({ backwards: 0, offRate: 1 });
    aheadMs = -5;
    sampler.look(2_002);
    expect(sampler.faults).toMatchObject({ backwards: 1, offRate: 2 });
    expect(sampler.faults.worstMs).toBeCloseTo(8, 1);
  });
});
