import { describe, expect, it } from 'vitest';
import { openLog } from '../../../core/log/index.ts';
import { systemClock, VirtualClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { PowerCutFs } from '../../support/power-cut-fs.ts';
import { payloadOf } from './support.ts';

describe('group commit', () => {
  it('shares syncs among appends, and acknowledges none before its sync', async () => {
    const fs = new PowerCutFs();
    const groups: number[] = [];
    const log = await openLog(
      { directory: '/log', onGroup: (group) => groups.push(group.records) },
      { clock: systemClock, fs },
    );
    await log.append(payloadOf(0));
    const syncsBefore = fs.syncs;

    const { promise, resolve: openGate } = Promise.withResolvers<void>();
    fs.gate = promise;
    const settled: number[] = [];
    const append = (index: number) => log.append(payloadOf(index)).then((position) => settled.push(position));
    const first = append(1);
    await eventually(() => expect(fs.journal.at(-1)?.kind).toBe('write'));
    const others = Array.from({ length: 500 }, (_, index) => append(2 + index));
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toEqual([]);
    expect(log.durablePosition).toBe(1);
    expect(log.nextPosition).toBe(502);
    expect(await log.read(1, 1000)).toEqual([]);

    openGate();
    await Promise.all([first, ...others]);
    expect(settled).toEqual(Array.from({ length: 501 }, (_, index) => 1 + index));
    expect(fs.syncs - syncsBefore).toBe(2);
    expect(groups).toEqual([1, 1, 500]);
    await log.close();
  });

  it('waits groupDelayMs for company', async () => {
    const fs = new PowerCutFs();
    const clock = new VirtualClock();
    const log = await openLog({ directory: '/log', groupDelayMs: 20 }, { clock, fs });
    const syncsBefore = fs.syncs;
    const first = log.append(payloadOf(0));
    await eventually(() => expect(clock.nextDueMs()).toBe(20));
    clock.advance(19);
    const second = log.append(payloadOf(1));
    await new Promise((resolve) => setImmediate(resolve));
    expect(fs.syncs - syncsBefore).toBe(0);
    clock.advance(1);
    expect(await Promise.all([first, second])).toEqual([0, 1]);
    expect(log.counters.groups).toBe(1);
    await log.close();
  });

  it('counts appends beyond the bound of what may wait, and refuses them at four times the bound', async () => {
    const fs = new PowerCutFs();
    const log = await openLog({ directory: '/log', pendingBytesMax: 1000 }, { clock: systemClock, fs });
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) => log.append(payloadOf(index, 80))),
    );
    const taken = results.filter((result) => result.status === 'fulfilled').length;
    expect(taken).toBe(40);
    expect(results[40]).toMatchObject({ reason: { code: 'LOG_FULL' } });
    expect(log.counters).toMatchObject({ appendsSaturated: 30, appendsRefused: 60 });
    expect(log.pendingBytes).toBe(0);
    expect(await log.append(payloadOf(40))).toBe(40);
    await log.close();
  });
});
