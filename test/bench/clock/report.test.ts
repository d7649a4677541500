import { describe, expect, it } from 'vitest';
import { trackingOf } from './beside-chrony.ts';
import type { PathCase, PeerCase } from './cases.ts';
import type { ClockError } from './errors.ts';
import type { PathResult } from './measure.ts';
import { pathFigures, pathLine, peerFigures, peerText } from './report.ts';

const UDP: PathCase = { name: 'udp', title: 'UDP', path: 'udp', isBlocked: false, goalP99Us: 60, isQuick: true };
const LAN: PeerCase = { name: 'lan', title: 'LAN', delay: { baseMs: 0.1, jitterMs: 0.1 } };
const STEADY = { backwards: 0, offRate: 0, worstMs: 0 };

function errors(errorMs: number, uncertaintyMs = 1): ClockError[] {
  return [{ atMs: 100, errorMs, uncertaintyMs }];
}

function missed(result: Partial<PathResult>): string[] {
  const figures = pathFigures({ the: UDP, errors: errors(0.01), faults: [STEADY], ...result });
  return figures.filter(({ ok }) => !ok).map(({ name }) => name);
}

describe('the figures of bench:clock', () => {
  it('reach their goal at the goal itself, and miss it beyond', () => {
    expect(missed({ errors: errors(-0.06) })).toEqual([]);
    expect(missed({ errors: errors(-0.061) })).toEqual(['UDP: error p99']);
    const { goalP99Us: _, ...without } = UDP;
    expect(missed({ the: without, errors: errors(0.5) })).toEqual([]);
  });

  it('allow no error beyond what was stated, and no step', () => {
    expect(missed({ errors: errors(0.05, 0.04) })).toEqual(['UDP: errors beyond the stated uncertainty']);
    const faults = [STEADY, { backwards: 1, offRate: 0, worstMs: 3 }];
    expect(missed({ faults })).toEqual(['UDP: readings that went backwards or beyond the rate']);
  });

  it('mark the line of a case that misses a goal', () => {
    expect(pathLine({ the: UDP, errors: errors(0.1), faults: [STEADY] })).toMatch(/^✗ UDP +100\.0 +100\.0 .* <= 60\n$/);
    expect(pathLine({ the: UDP, errors: errors(0.01), faults: [STEADY] })).toMatch(/^ {2}UDP/);
  });

  it('put ours beside chrony', () => {
    const result = { the: LAN, ours: errors(0.02), chrony: errors(-0.04), oursPerS: 8, chronyPerS: 7.9, movedMs: 0 };
    expect(peerFigures(result)[1]).toEqual({
      name: 'LAN: error p99',
      value: 20,
      unit: 'µs',
      goal: '',
      ok: true,
      peer: 40,
      ratio: { median: 0.5, min: 0.5, max: 0.5 },
    });
    expect(peerText(result)).toContain('ratio of p50 0.50, of p99 0.50');
  });

  it('take from chrony what it says of its clock, and bound its error as its manual does', () => {
    const line =
      '7F000001,127.0.0.1,11,1796094700.51,0.003897300,-0.000058864,0.000378816,38.881,-3.649,322.973,0.006,0.004,0.2,Normal\n';
    const { offsetMs, uncertaintyMs, isSynchronised } = trackingOf(line);
    expect(offsetMs).toBeCloseTo(3.8973);
    expect(uncertaintyMs).toBeCloseTo(7);
    expect(isSynchronised).toBe(true);
    expect(trackingOf(line.replace('Normal', 'Not synchronised')).isSynchronised).toBe(false);
  });
});
