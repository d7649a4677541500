import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LoopLag } from '../../../../gateway/clock/probe/loop-lag.ts';

const EPSILON_MS = 1e-6;

describe('the lag of the event loop', () => {
  it('is small after a sleep, and the whole time that the loop was held otherwise', () => {
    const lag = new LoopLag(0);
    expect(lag.enter(100.01, 100)).toBeCloseTo(0.01);
    lag.leave(150);
    // Back in epoll the loop found the datagram waiting: it came while the callback ran.
    expect(lag.enter(150.02, 100.001)).toBeCloseTo(50.02);
    lag.leave(150.03);
    expect(lag.enter(150.04, 100.001)).toBeCloseTo(50.04);
    lag.leave(150.05);
    expect(lag.enter(160.06, 110.001)).toBeCloseTo(0.01);
  });

  it('is never less than a datagram has waited', () => {
    const durationMs = (maxMs: number) => fc.double({ min: 0.001, max: maxMs, noNaN: true });
    const datagrams = fc.array(
      fc.record({
        afterMs: fc.oneof(durationMs(0.1), durationMs(10)),
        runsMs: fc.oneof(durationMs(0.1), durationMs(5)),
      }),
      { minLength: 1, maxLength: 80 },
    );
    const awakeMs = fc.array(durationMs(0.5), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(datagrams, awakeMs, (gaps, overheads) => {
        let arrivesMs = 0;
        const queue = gaps.map(({ afterMs, runsMs }) => {
          arrivesMs += afterMs;
          return { arrivesMs, runsMs };
        });
        const lag = new LoopLag(0);
        let nowMs = 0;
        let idleMs = 0;
        for (let turn = 0; queue.length > 0; turn++) {
          const overheadMs = overheads[turn % overheads.length] as number;
          // epoll: at once when something waits, and a moment is booked as idle all the same.
          const sleptMs = Math.max(0.001, (queue[0] as { arrivesMs: number }).arrivesMs - nowMs);
          nowMs += sleptMs;
          idleMs += sleptMs;
          nowMs += overheadMs;
          while (queue[0] !== undefined && queue[0].arrivesMs <= nowMs) {
            const { arrivesMs: cameMs, runsMs } = queue.shift() as (typeof queue)[number];
            expect(lag.enter(nowMs, idleMs) + EPSILON_MS).toBeGreaterThanOrEqual(nowMs - cameMs);
            nowMs += runsMs;
            lag.leave(nowMs);
          }
          nowMs += overheadMs;
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
