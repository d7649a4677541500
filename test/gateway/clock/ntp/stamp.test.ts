import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_STAMP, shortOfMs, shortToMs, stampOfMs, stampToMs } from '../../../../gateway/clock/ntp/stamp.ts';

const msFrom = (iso: string): number => Date.parse(iso);

describe('a stamp', () => {
  it.each([
    // RFC 5905, figure 4, and the ends of what a stamp can tell.
    ['1970-01-01T00:00:00Z', 2_208_988_800n << 32n],
    ['1999-12-31T00:00:00Z', 3_155_587_200n << 32n],
    ['2036-02-07T06:28:15Z', 0xffff_ffffn << 32n],
    ['2036-02-07T06:28:17Z', 1n << 32n],
    ['1968-01-20T03:14:08Z', 0x8000_0000n << 32n],
    ['2104-02-26T09:42:23Z', 0x7fff_ffffn << 32n],
  ])('of %s is what the RFC says, and is read back across the era', (iso, stamp) => {
    expect(stampOfMs(msFrom(iso))).toBe(stamp);
    expect(stampToMs(stamp)).toBe(msFrom(iso));
  });

  it('is never "not known" for a moment that is known', () => {
    const wrap = msFrom('2036-02-07T06:28:16Z');
    expect(stampOfMs(wrap)).toBe(1n);
    expect(stampOfMs(wrap)).not.toBe(NO_STAMP);
    expect(Math.abs(stampToMs(stampOfMs(wrap)) - wrap)).toBeLessThan(0.000_001);
  });

  it('carries a fraction that rounds up to a second into the seconds', () => {
    expect(stampOfMs(999.999_999_99)).toBe((2_208_988_801n << 32n) + 0n);
  });

  it('gives back every double from 2001 to 2104 as it was', () => {
    const ms = fc.double({ min: msFrom('2001-09-10T00:00:00Z'), max: msFrom('2104-02-26T00:00:00Z'), noNaN: true });
    fc.assert(
      fc.property(ms, (it) => {
        expect(stampToMs(stampOfMs(it))).toBe(it);
      }),
      { numRuns: 5_000 },
    );
  });

  it('keeps any moment since 1968 to a quarter of a ns', () => {
    const ms = fc.double({ min: msFrom('1968-01-21T00:00:00Z'), max: msFrom('2001-09-10T00:00:00Z'), noNaN: true });
    fc.assert(
      fc.property(ms, (it) => {
        expect(Math.abs(stampToMs(stampOfMs(it)) - it)).toBeLessThanOrEqual(0.000_25);
      }),
    );
  });

  it('is given back as it was where a double can hold it', () => {
    // 21 bits of a second are what a double of the present resolves.
    const stamp = fc.tuple(fc.integer({ min: 0x8000_0000, max: 0xffff_ffff }), fc.integer({ min: 0, max: 2 ** 20 }));
    fc.assert(
      fc.property(stamp, ([seconds, part]) => {
        const exact = (BigInt(seconds) << 32n) + (BigInt(part) << 11n);
        const back = stampOfMs(stampToMs(exact));
        const offBy = back > exact ? back - exact : exact - back;
        // Half of 2^-12 ms, in units of 2^-32 s.
        expect(offBy).toBeLessThanOrEqual(525n);
      }),
    );
  });
});

describe('a short', () => {
  it('is rounded up, so that no uncertainty shrinks on its way', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 65_000_000, noNaN: true }), (ms) => {
        const told = shortToMs(shortOfMs(ms));
        expect(told).toBeGreaterThanOrEqual(ms - 2e-8);
        expect(told - ms).toBeLessThan(1_000 / 65_536);
      }),
    );
  });

  it('comes back as it was', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (short) => {
        expect(shortOfMs(shortToMs(short))).toBe(short);
      }),
    );
  });

  it.each([
    [-1, 0],
    [0, 0],
    [1_000, 65_536],
    [70_000_000, 2 ** 32 - 1],
    [Number.POSITIVE_INFINITY, 2 ** 32 - 1],
  ])('of %d ms is %d', (ms, short) => expect(shortOfMs(ms)).toBe(short));
});
