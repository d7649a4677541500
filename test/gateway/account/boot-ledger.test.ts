import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BootLedger } from '../../../gateway/account/boot-ledger.ts';

describe('BootLedger', () => {
  it('stays bounded when a device skips numbers, and its counts stay right', () => {
    const ledger = new BootLedger();
    for (let seq = 2; seq <= 2_000; seq += 2) expect(ledger.take(seq)).toBe(true);
    expect(ledger.snapshot('b').taken.length).toBeLessThanOrEqual(64);
    expect(ledger.count()).toEqual({ sent: 2_000, taken: 1_000, dropped: 0, missing: 1_000 });
  });

  it('does not call a number taken that is too old to tell', () => {
    const ledger = new BootLedger();
    for (let seq = 2; seq <= 2_000; seq += 2) ledger.take(seq);
    expect(ledger.has(3)).toBe(false);
    expect(ledger.take(3)).toBe(false);
    expect(ledger.count().taken).toBe(1_000);
  });

  it('does not count a jump of a million numbers as readings lost', () => {
    const ledger = new BootLedger();
    for (const seq of [1, 2, 4, 900_000_000_000, 900_000_000_001]) expect(ledger.take(seq)).toBe(true);
    expect(ledger.count()).toEqual({ sent: 6, taken: 5, dropped: 0, missing: 1 });
    expect(ledger.has(900_000_000_001)).toBe(true);
  });

  it('keeps sent = taken + dropped + missing, none of them below nought, whatever comes', () => {
    const event = fc.oneof(
      fc.record({ take: fc.integer({ min: 1, max: 3_000 }) }),
      fc
        .tuple(fc.integer({ min: 1, max: 3_000 }), fc.integer({ min: 0, max: 20 }))
        .map(([from, more]) => ({ from, to: from + more })),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 400 }), (events) => {
        let ledger = new BootLedger();
        events.forEach((it, index) => {
          if ('take' in it) ledger.take(it.take);
          else ledger.declareDropped(it.from, it.to);
          if (index % 50 === 49) ledger = BootLedger.restore(JSON.parse(JSON.stringify(ledger.snapshot('b'))));
        });
        const { sent, taken, dropped, missing } = ledger.count();
        expect(sent).toBe(taken + dropped + missing);
        expect(Math.min(taken, dropped, missing)).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
