import { describe, expect, it } from 'vitest';
import { ClockFilter, type NtpSample } from '../../../../gateway/clock/ntp/clock-filter.ts';

const PPM = 15;

function sample(change: Partial<NtpSample> = {}): NtpSample {
  return {
    atMonotonicMs: 0,
    offsetMs: 1_000_000,
    delayMs: 10,
    dispersionMs: 0.01,
    serverDistanceMs: 1,
    stratum: 2,
    refid: 0,
    ...change,
  };
}

describe('the clock filter', () => {
  it('has nothing before the first sample', () => expect(new ClockFilter(PPM).best(0)).toBeUndefined());

  it('takes the sample with the shortest round trip', () => {
    const filter = new ClockFilter(PPM);
    for (const delayMs of [30, 4, 50, 8]) filter.add(sample({ delayMs }));
    expect(filter.best(0)?.sample.delayMs).toBe(4);
  });

  it('states half the round trip, the server’s distance and 15 µs more with each second', () => {
    const filter = new ClockFilter(PPM);
    filter.add(sample());
    expect(filter.best(0)?.rootDistanceMs).toBeCloseTo(5 + 0.01 + 1, 9);
    expect(filter.best(100_000)?.rootDistanceMs).toBeCloseTo(5 + 0.01 + 1 + 1.5, 9);
  });

  it('prefers a fresh sample once the better one has aged by what it was better', () => {
    const filter = new ClockFilter(PPM);
    filter.add(sample({ delayMs: 4 }));
    // Half of 6 ms is 1 ms more than half of 4; at 15 ppm that is 66.7 s.
    filter.add(sample({ delayMs: 6, atMonotonicMs: 60_000 }));
    expect(filter.best(60_000)?.sample.delayMs).toBe(4);
    filter.add(sample({ delayMs: 6, atMonotonicMs: 70_000 }));
    expect(filter.best(70_000)?.sample.atMonotonicMs).toBe(70_000);
  });

  it('forgets the ninth last', () => {
    const filter = new ClockFilter(PPM);
    filter.add(sample({ delayMs: 1 }));
    for (let k = 0; k < 7; k++) filter.add(sample({ delayMs: 9 }));
    expect(filter.best(0)?.sample.delayMs).toBe(1);
    filter.add(sample({ delayMs: 9 }));
    expect(filter.best(0)?.sample.delayMs).toBe(9);
  });

  it('drops older samples that cannot be true if the newest is', () => {
    const filter = new ClockFilter(PPM);
    expect(filter.add(sample({ delayMs: 1 }))).toBe(0);
    expect(filter.add(sample({ delayMs: 8, offsetMs: 1_000_004 }))).toBe(0);
    expect(filter.add(sample({ delayMs: 20, offsetMs: 1_002_000 }))).toBe(2);
    expect(filter.best(0)?.sample.offsetMs).toBe(1_002_000);
  });
});
