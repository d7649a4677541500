import { describe, expect, test } from 'vitest';
import { Pace } from '../../../../gateway/consensus/node/pace.ts';

const TICK_MS = 15;

/** A follower that hears of its leader at these times, in ms. */
function heardAt(...timesMs: number[]): Pace {
  const pace = new Pace(TICK_MS, 10);
  for (const nowMs of timesMs) pace.heard(2, 1, nowMs);
  return pace;
}

describe('the pace of a follower', () => {
  test('is that of the configuration while its leader is heard of often', () => {
    expect(heardAt(0, 30, 60, 90).tickMs(false)).toBe(TICK_MS);
  });

  test('leaves three times the longest silence of a leader that lived before an election', () => {
    expect(heardAt(0, 30, 130, 160).tickMs(false) * 10).toBeCloseTo(300);
  });

  test('is stretched no more than twenty times', () => {
    expect(heardAt(0, 60_000).tickMs(false)).toBe(20 * TICK_MS);
  });

  test('does not count the silence before another leader, or another term', () => {
    const pace = heardAt(0, 30);
    pace.heard(3, 2, 5_000);
    expect(pace.tickMs(false)).toBe(TICK_MS);
  });

  test('forgets a silence within a minute', () => {
    const pace = heardAt(0, 200);
    for (let nowMs = 230; nowMs < 60_500; nowMs += 30) pace.heard(2, 1, nowMs);
    expect(pace.tickMs(false)).toBe(TICK_MS);
  });

  test('is not the pace of a leader, which has to be heard', () => {
    expect(heardAt(0, 500).tickMs(true)).toBe(TICK_MS);
  });
});
