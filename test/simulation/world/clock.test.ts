import { describe, expect, it } from 'vitest';
import { SimClock } from './clock.ts';

describe('SimClock', () => {
  it('runs both clocks wrong by the drift, from when it is set', () => {
    const clock = new SimClock();
    const startMs = clock.wallMs(0);
    clock.setDrift(1_000, 500);
    expect(clock.monotonicMs(1_000)).toBe(1_000);
    expect(clock.monotonicMs(11_000)).toBeCloseTo(11_005, 6);
    expect(clock.wallMs(11_000) - startMs).toBeCloseTo(11_005, 3);
    clock.setDrift(11_000, -500);
    expect(clock.monotonicMs(21_000)).toBeCloseTo(21_000, 6);
  });

  it('drifts more for a while, by the worst in each direction', () => {
    const clock = new SimClock();
    clock.setDrift(0, 10);
    const ends = [clock.drift(0, 300), clock.drift(0, 400), clock.drift(0, -100)];
    expect(clock.driftPpm).toBe(310);
    for (const end of ends) end(10_000);
    expect(clock.driftPpm).toBe(10);
    expect(clock.monotonicMs(10_000)).toBeCloseTo(10_003.1, 6);
    expect(clock.monotonicMs(20_000)).toBeCloseTo(20_003.2, 6);
  });

  it('steps wall time alone', () => {
    const clock = new SimClock();
    const startMs = clock.wallMs(0);
    clock.stepWall(-5_000);
    expect(clock.wallMs(100) - startMs).toBe(-4_900);
    expect(clock.monotonicMs(100)).toBe(100);
  });

  it('counts monotonic time from the start of a process, and wall time on', () => {
    const clock = new SimClock();
    const startMs = clock.wallMs(0);
    clock.startOver(700);
    expect(clock.monotonicMs(1_000)).toBe(300);
    expect(clock.wallMs(1_000) - startMs).toBe(1_000);
  });

  it('says how much true time one of its own durations takes', () => {
    const clock = new SimClock();
    clock.setDrift(0, 400);
    expect(clock.monotonicMs(clock.trueMs(250))).toBeCloseTo(250, 9);
  });
});
