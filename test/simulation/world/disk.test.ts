import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { SimDisk, SSD } from './disk.ts';

function disk(seed = 'disk'): SimDisk<string> {
  return new SimDisk<string>(seededRandom(seed), SSD);
}

const values = (of: SimDisk<string>): string[] => of.contents.records.map(({ value }) => value);

describe('SimDisk', () => {
  it('gives what waits together one fsync, and has nothing before it is over', () => {
    const it = disk();
    expect(it.append('a', 10)).toBe(1);
    expect(it.begin()).toBeGreaterThanOrEqual(SSD.minMs);
    expect([it.append('b', 10), it.append('c', 10)]).toEqual([2, 3]);
    expect(it.begin()).toBeUndefined();
    expect(values(it)).toEqual([]);
    expect(it.finish()).toEqual({ upTo: 1 });
    expect(values(it)).toEqual(['a']);
    it.begin();
    expect(it.finish()).toEqual({ upTo: 3 });
    expect(it.begin()).toBeUndefined();
    expect(values(it)).toEqual(['a', 'b', 'c']);
  });

  it('replaces the checkpoint, then drops the records that it covers, and keeps their numbers', () => {
    const it = disk();
    for (const value of ['a', 'b', 'c']) it.append(value, 1);
    it.saveCheckpoint('a and b', 5, 2);
    it.begin();
    it.finish();
    expect(it.contents).toEqual({
      checkpoint: { value: 'a and b', isIntact: true },
      firstRecord: 2,
      records: [{ value: 'c', isIntact: true }],
    });
    it.truncate(2);
    it.append('d', 1);
    it.begin();
    it.finish();
    expect(values(it)).toEqual(['d']);
  });

  it('keeps of what was not synced some front part when the power fails, torn or not', () => {
    const kept = new Set<number>();
    let torn = 0;
    for (let seed = 0; seed < 200; seed++) {
      const it = disk(`${seed}`);
      it.append('synced', 1);
      it.begin();
      it.finish();
      for (const value of ['a', 'b', 'c']) it.append(value, 1);
      if (seed % 2 === 0) it.begin();
      it.cutPower();
      const { records } = it.contents;
      const intact = records.filter(({ isIntact }) => isIntact);
      expect(['synced', 'a', 'b', 'c'].slice(0, intact.length)).toEqual(intact.map(({ value }) => value));
      expect(records.slice(intact.length).every(({ isIntact }) => !isIntact)).toBe(true);
      kept.add(intact.length);
      torn += records.length - intact.length;
      expect(it.begin()).toBeUndefined();
    }
    expect([...kept].toSorted()).toEqual([1, 2, 3, 4]);
    expect(torn).toBeGreaterThan(20);
    expect(torn).toBeLessThan(180);
  });

  it('keeps what was handed over when the process is killed, and not what waited in it', () => {
    const it = disk();
    it.append('handed over', 1);
    it.begin();
    it.append('waited', 1);
    it.kill();
    expect(values(it)).toEqual(['handed over']);
    expect(it.begin()).toBeUndefined();
  });

  it('fails while it is full or broken, without effect', () => {
    const it = disk();
    const heal = it.fullness.begin(1);
    it.append('a', 1);
    it.saveCheckpoint('x', 1, 0);
    it.begin();
    expect(it.finish()).toEqual({ upTo: 2, failed: 'ENOSPC' });
    heal();
    const repair = it.errors.begin(1);
    it.append('b', 1);
    it.begin();
    expect(it.finish()).toEqual({ upTo: 3, failed: 'EIO' });
    repair();
    it.append('c', 1);
    it.begin();
    it.finish();
    expect(it.contents).toEqual({ checkpoint: undefined, firstRecord: 0, records: [{ value: 'c', isIntact: true }] });
  });

  it('cuts off a torn record even while it is full, since that takes no room', () => {
    const it = disk();
    for (const value of ['a', 'torn']) it.append(value, 1);
    it.begin();
    it.finish();
    it.fullness.begin(1);
    it.truncate(1);
    it.begin();
    expect(it.finish()).toEqual({ upTo: 3 });
    expect(values(it)).toEqual(['a']);
  });

  it('takes longer by the bytes and in a slow spell', () => {
    const took = (bytes: number, factor: number): number => {
      const it = disk();
      it.slowness.begin(factor);
      it.append('a', bytes);
      return it.begin()!;
    };
    expect(took(SSD.bytesPerMs * 50, 1) - took(0, 1)).toBeCloseTo(50, 6);
    expect(took(0, 100)).toBeCloseTo(100 * took(0, 1), 6);
  });

  it('shows which record or checkpoint rotted, to the next start', () => {
    const it = disk();
    expect(it.corrupt('record')).toBe(false);
    expect(it.corrupt('checkpoint')).toBe(false);
    it.append('a', 1);
    it.saveCheckpoint('x', 1, 0);
    it.begin();
    it.finish();
    expect([it.corrupt('record'), it.corrupt('checkpoint')]).toEqual([true, true]);
    expect(it.contents.records[0]?.isIntact).toBe(false);
    expect(it.contents.checkpoint?.isIntact).toBe(false);
  });
});
