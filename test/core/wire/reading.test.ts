import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeReading, parseReading, type Reading, readingPoint } from '../../../core/wire/index.ts';

const NOW_MS = 1_800_000_000_000;

const metricNames = fc
  .stringMatching(/^[a-z][a-z0-9_]{0,20}$/)
  .filter((name) => !['ts', 'seq', 'boot', 'tq'].includes(name));
const metricValues = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => (Object.is(x, -0) ? 0 : x)),
  fc.boolean(),
  fc.string({ maxLength: 50 }),
);
const readings: fc.Arbitrary<Reading> = fc.record({
  tsMs: fc.integer({ min: 946_684_800_000, max: NOW_MS }),
  seq: fc.option(fc.integer({ min: 1 }), { nil: undefined }),
  boot: fc.option(fc.stringMatching(/^[A-Za-z0-9_-]{1,32}$/), { nil: undefined }),
  timeQuality: fc.constantFrom('sync', 'est', 'none'),
  metrics: fc.dictionary(metricNames, metricValues, { minKeys: 1, maxKeys: 10, noNullPrototype: true }),
});

describe('readings', () => {
  it('come back from the wire as they were', () => {
    fc.assert(
      fc.property(readings, (reading) => {
        expect(parseReading(Buffer.from(encodeReading(reading)), NOW_MS)).toEqual(reading);
      }),
    );
  });

  it('never bring the parser down, whatever the bytes: a reading or a coded error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            parseReading(bytes, NOW_MS);
          } catch (error) {
            expect((error as { code: string }).code).toMatch(/^READING_/);
          }
        },
      ),
    );
  });

  it('leave out a sensor without a value', () => {
    expect(parseReading(Buffer.from('{"temperature":null,"humidity":40}'), NOW_MS).metrics).toEqual({ humidity: 40 });
  });

  it('are points whose identity tells two readings of one millisecond apart', () => {
    const reading = {
      site: 's',
      device: 'd',
      boot: 'b',
      tsMs: NOW_MS,
      timeQuality: 'sync' as const,
      metrics: { t: 1 },
    };
    expect(readingPoint({ ...reading, seq: 17 })).toEqual({
      measurement: 'reading',
      tags: { site: 's', device: 'd' },
      fields: { t: 1, seq: 17n, boot: 'b', tq: 'sync' },
      timeNs: 1_800_000_000_000_000_017n,
    });
  });
});
