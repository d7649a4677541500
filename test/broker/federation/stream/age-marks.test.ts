import { describe, expect, it } from 'vitest';
import { AgeMarks } from '../../../../broker/federation/stream/age-marks.ts';

const HOUR_MS = 3_600_000;

describe('AgeMarks', () => {
  it('knows nothing at first', () => {
    const marks = new AgeMarks(HOUR_MS);
    expect(marks.ageMs(10, 0)).toBe(0);
    expect(marks.expired(10)).toBeUndefined();
  });

  it('does not count the time in which nothing was written', () => {
    const marks = new AgeMarks(10 * HOUR_MS);
    for (let nowMs = 0; nowMs <= HOUR_MS; nowMs += 500) marks.note(nowMs, 7);
    marks.note(HOUR_MS + 500, 8);
    expect(marks.ageMs(HOUR_MS + 1_000, 7)).toBe(1_000);
    // From before the first mark: at least as old as that.
    expect(marks.ageMs(HOUR_MS + 1_000, 3)).toBe(HOUR_MS + 1_000);
  });

  it('knows the age of each record within a sixteenth, over a week', () => {
    const marks = new AgeMarks(7 * 24 * HOUR_MS);
    const end = 7 * 24 * HOUR_MS;
    const tickMs = 5_000;
    for (let nowMs = 0; nowMs <= end; nowMs += tickMs) marks.note(nowMs, nowMs / tickMs);
    for (const ageMs of [10_000, 60_000, HOUR_MS, 24 * HOUR_MS, 100 * HOUR_MS]) {
      const found = marks.ageMs(end, Math.floor((end - ageMs) / tickMs));
      expect(found).toBeGreaterThanOrEqual(ageMs);
      expect(found).toBeLessThanOrEqual(ageMs * (1 + 2 / 16) + 2 * tickMs);
    }
  });

  it('tells below which position everything is older than the bound, and never more', () => {
    const marks = new AgeMarks(HOUR_MS);
    let expired = 0;
    for (let nowMs = 0; nowMs <= 5 * HOUR_MS; nowMs += 1_000) {
      marks.note(nowMs, nowMs / 1_000);
      expired = marks.expired(nowMs) ?? expired;
      expect(expired).toBeLessThan(Math.max(1, (nowMs - HOUR_MS) / 1_000));
    }
    expect(expired).toBeGreaterThan((4 * HOUR_MS) / 1_000 - HOUR_MS / 1_000 / 8);
  });
});
