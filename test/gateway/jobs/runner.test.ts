import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LatticeError } from '../../../core/errors/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { JobBench, MINUTE_MS, SCOPE, settled } from './bench.ts';

let bench: JobBench;

beforeEach(() => {
  bench = new JobBench();
});
afterEach(() => bench.stop());

describe('the jobs of a site', () => {
  it('run at the leader alone, with its token, and what became of them is kept', async () => {
    const [a, b] = [bench.gateway('a'), bench.gateway('b')];
    await a.lead(3);
    expect(bench.runs).toEqual([]);
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    await b.fire();
    expect(bench.runs).toMatchObject([{ gateway: 'a', fence: { scope: SCOPE, token: 3 } }]);
    const startedAtMs = bench.clock.wallMs();
    expect(await bench.record()).toMatchObject({ running: { startedAtMs, gateway: 'a', fencingToken: 3 } });
    bench.clock.advance(1_234);
    bench.runs[0]!.succeed('all tidy');
    await settled();
    expect(await bench.record()).toEqual({
      schedule: 'each minute',
      nextDueMs: startedAtMs + MINUTE_MS,
      last: { startedAtMs, durationMs: 1_234, gateway: 'a', fencingToken: 3, outcome: 'succeeded', detail: 'all tidy' },
    });
    expect(a.counters).toEqual({ succeeded: 1, failed: 0, cutShort: 0, overlapped: 0, madeUp: 0, fenced: 0 });
  });

  it('that fail say why, and are due at the next time, not before', async () => {
    const a = bench.gateway('a');
    await a.lead(1);
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    bench.runs[0]!.fail(new LatticeError('STORE_UNREACHABLE', 'no store'));
    await settled();
    expect((await bench.record())?.last).toMatchObject({
      outcome: 'failed',
      detail: expect.stringContaining('no store'),
    });
    expect(a.counters).toMatchObject({ succeeded: 0, failed: 1 });
    await a.lead(2);
    expect(bench.runs).toHaveLength(1);
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    expect(bench.runs).toHaveLength(2);
  });

  it('do not overlap themselves, neither under one leadership nor under two of one gateway', async () => {
    const a = bench.gateway('a');
    await a.lead(1);
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    expect(bench.runs).toHaveLength(1);
    expect(a.counters.overlapped).toBe(1);

    await a.lead(undefined);
    await a.lead(2);
    expect(bench.runs[0]!.signal.aborted).toBe(true);
    expect(bench.runs).toHaveLength(1);
    bench.runs[0]!.fail(new Error('aborted'));
    await settled();
    expect(bench.runs).toHaveLength(2);
    expect(bench.runs[1]).toMatchObject({ fence: { token: 2 } });
    expect(a.counters).toMatchObject({ cutShort: 1, madeUp: 1, failed: 0 });
  });

  it('that were missed while nobody led are made up once', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => bench.gateway(name));
    await a!.lead(1);
    await a!.lead(undefined);
    bench.clock.advance(3.5 * MINUTE_MS);
    await b!.lead(2);
    expect(bench.runs).toMatchObject([{ gateway: 'b' }]);
    expect(b!.counters.madeUp).toBe(1);
    bench.runs[0]!.succeed();
    await settled();
    await b!.lead(undefined);
    await c!.lead(3);
    expect(bench.runs).toHaveLength(1);
    expect(c!.counters.madeUp).toBe(0);
  });

  it('that a leader did not end are run again by the next', async () => {
    const [a, b] = [bench.gateway('a'), bench.gateway('b')];
    await a.lead(1);
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    await a.lead(undefined);
    bench.runs[0]!.fail(new Error('aborted'));
    await b.lead(2);
    expect(bench.runs.map(({ gateway }) => gateway)).toEqual(['a', 'b']);
  });

  it('have missed nothing when they never ran, or ran by another schedule', async () => {
    const [a, b] = [bench.gateway('a'), bench.gateway('b', { schedule: 'another' })];
    bench.clock.advance(MINUTE_MS);
    await a.lead(1);
    await a.lead(undefined);
    bench.clock.advance(2 * MINUTE_MS);
    await b.lead(2);
    expect(bench.runs).toEqual([]);
    expect((await bench.record())?.schedule).toBe('another');
  });

  it('are not run twice for one time by a leader whose clock is behind', async () => {
    const behind = new VirtualClock(bench.clock.wallMs() - 2_000);
    const [a, b] = [bench.gateway('a'), bench.gateway('b', { clock: behind })];
    await a.lead(1);
    bench.clock.advance(MINUTE_MS);
    behind.advance(MINUTE_MS);
    await a.fire();
    bench.runs[0]!.succeed();
    await settled();
    await a.lead(undefined);
    await b.lead(2);
    behind.advance(2_000);
    await b.fire();
    expect(bench.runs).toHaveLength(1);
    behind.advance(MINUTE_MS);
    await b.fire();
    expect(bench.runs).toHaveLength(2);
  });

  it('are not begun by an old leader that does not know of the new one', async () => {
    const [a, b] = [bench.gateway('a'), bench.gateway('b')];
    await a.lead(1);
    await b.lead(2);
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    expect(bench.runs).toEqual([]);
    expect(a.counters.fenced).toBe(1);
    expect((await bench.record())?.running).toBeUndefined();
    await b.fire();
    expect(bench.runs).toMatchObject([{ gateway: 'b' }]);
  });

  it('of an old leader that ends its run late leave the record of the new one as it is', async () => {
    const [a, b] = [bench.gateway('a'), bench.gateway('b')];
    await a.lead(1);
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    await b.lead(2);
    bench.runs[1]!.succeed('by b');
    await settled();
    bench.runs[0]!.succeed('by a');
    await settled();
    expect((await bench.record())?.last).toMatchObject({ gateway: 'b', detail: 'by b' });
    expect(a.counters.fenced).toBe(1);
  });

  it('are taken over when the coordinator answers again', async () => {
    const a = bench.gateway('a');
    const goOn = bench.store.hang();
    await a.lead(1);
    // Longer than the time-out of the claim, and so more than one attempt.
    for (let second = 0; second < 12; second++) {
      bench.clock.advance(1_000);
      await settled();
    }
    goOn();
    bench.clock.advance(5_000);
    await settled();
    bench.clock.advance(MINUTE_MS);
    await a.fire();
    expect(bench.runs).toHaveLength(1);
  });
});
