import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { type Clock, systemClock, VirtualClock } from '../../../../core/time/index.ts';
import { readWallClock } from '../../../../gateway/clock/reference/wall-clock.ts';

/** A clock that takes a moment to be read. */
function clockWith({
  utcMinusMonotonicMs,
  readMs,
  stepAtMs = Infinity,
}: {
  utcMinusMonotonicMs: number;
  readMs: () => number;
  stepAtMs?: number;
}): Clock {
  let nowMs = 5;
  const pass = (): number => {
    nowMs += readMs();
    return nowMs;
  };
  return {
    monotonicMs: pass,
    wallMs: () => Math.floor(pass() + utcMinusMonotonicMs + (nowMs > stepAtMs ? 60_000 : 0)),
    setTimer: () => ({ cancel() {} }),
  };
}

describe('the wall clock against the monotonic one', () => {
  it.each(['a', 'b', 'c', 'd', 'e', 'f'])('is read to a few µs, wherever in a ms it ticks (seed %s)', (seed) => {
    const random = seededRandom(seed);
    const utcMinusMonotonicMs = 1_790_000_000_000 + random.next();
    // Now and then the process is put aside between two readings.
    const readMs = (): number => (random.below(50) === 0 ? 0.3 * random.next() : 0.000_2 + 0.000_5 * random.next());
    const reading = readWallClock(clockWith({ utcMinusMonotonicMs, readMs }));
    const errorMs = Math.abs((reading?.utcMs ?? Number.NaN) - (reading?.atMonotonicMs ?? 0) - utcMinusMonotonicMs);
    expect(errorMs).toBeLessThanOrEqual((reading?.uncertaintyMs ?? Number.NaN) + 0.000_5);
    expect(reading?.uncertaintyMs).toBeLessThan(0.2);
  });

  it('is not read when it was set meanwhile', () => {
    const clock = clockWith({ utcMinusMonotonicMs: 1_790_000_000_000.9, readMs: () => 0.01, stepAtMs: 5.02 });
    expect(readWallClock(clock)).toBeUndefined();
  });

  it('is read to half a ms where time stands still', () => {
    const clock = new VirtualClock(1_700_000_000_000);
    clock.advance(1_234);
    expect(readWallClock(clock)).toEqual({ atMonotonicMs: 1_234, utcMs: 1_700_000_001_234.5, uncertaintyMs: 0.5 });
  });

  it('of this machine stays where it is', () => {
    const [first, second] = [readWallClock(systemClock), readWallClock(systemClock)];
    const apartMs =
      (second?.utcMs ?? 0) - (second?.atMonotonicMs ?? 0) - (first?.utcMs ?? 0) + (first?.atMonotonicMs ?? 0);
    expect(Math.abs(apartMs)).toBeLessThanOrEqual((first?.uncertaintyMs ?? 0) + (second?.uncertaintyMs ?? 0) + 0.01);
  });
});
