import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { readStamp, telemetry, writeStamp } from './telemetry.ts';

describe('telemetry', () => {
  it.each([64, 65, 72, 73, 74, 1024])('is JSON of %i bytes', (bytes) => {
    const { payload } = telemetry(bytes, seededRandom(bytes));
    expect(payload).toHaveLength(bytes);
    expect(JSON.parse(payload.toString())).toMatchObject({ ts: 10 ** 12, tmp: 21.53 });
  });

  it('cannot be shorter than its values', () => {
    expect(() => telemetry(63, seededRandom(1))).toThrow(RangeError);
  });

  it('stays JSON when every place that may differ does, and takes a stamp', () => {
    const { payload, stampAt, digitsAt } = telemetry(64, seededRandom(1));
    for (const at of digitsAt) payload[at] = 0x39;
    writeStamp(payload.subarray(stampAt), 123_456_789);
    expect(JSON.parse(payload.toString())).toEqual({
      ts: 10 ** 12 + 123_456_789,
      tmp: 21.99,
      hum: 45.99,
      p: 1013.9,
      b: 3.99,
    });
    expect(readStamp(payload, stampAt)).toBe(123_456_789);
  });

  it('keeps whole microseconds of a stamp', () => {
    const into = Buffer.alloc(20);
    for (const elapsedUs of [0, 9, 10, 999_999.9, 86_400_000_000]) {
      writeStamp(into.subarray(3), elapsedUs);
      expect(readStamp(into, 3)).toBe(Math.floor(elapsedUs));
    }
  });
});
