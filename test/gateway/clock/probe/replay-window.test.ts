import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplayWindow } from '../../../../gateway/clock/probe/replay-window.ts';

describe('the replay window', () => {
  it('takes each sequence once, and none that lies 64 or more behind the highest', () => {
    const steps = fc.array(fc.oneof(fc.integer({ min: -80, max: 80 }), fc.integer({ min: -5, max: 5 })), {
      maxLength: 200,
    });
    fc.assert(
      fc.property(fc.integer({ min: 100_000, max: 2 ** 47 }), steps, (first, offsets) => {
        const window = new ReplayWindow();
        const seen = new Set<number>();
        let highest = -1;
        let sequence = first;
        for (const offset of offsets) {
          sequence += offset;
          const isNew = !seen.has(sequence) && sequence > highest - 64;
          expect(window.take(sequence)).toBe(isNew);
          seen.add(sequence);
          highest = Math.max(highest, sequence);
        }
      }),
    );
  });

  it('begins at any sequence, 0 too', () => {
    const window = new ReplayWindow();
    expect([window.take(0), window.take(0), window.take(1), window.take(2 ** 48 - 1), window.take(1)]).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
  });
});
