import { describe, expect, it } from 'vitest';
import { parseReading } from '../../../core/wire/index.ts';
import {
  asItStands,
  encodeRecord,
  lastRecordOf,
  meshStampOf,
  momentOf,
  restamped,
} from '../../../firmware-shim/time/record.ts';

const T = 1_763_800_000_000;
const moment = { life: 'a1b2c3d4e5f6', monotonicMs: 8_123.45678 };
const parsed = (text: string) => parseReading(Buffer.from(text), T);

describe('a record that waits for its stamp', () => {
  const record = encodeRecord({ temperature: 21.5 }, { tsMs: T - 5, timeQuality: 'est', moment }).toString();

  it('holds its moment, cut to microseconds, and what the wall clock said', () => {
    expect(momentOf(record)).toEqual({ ...moment, monotonicMs: 8_123.456 });
    expect(parsed(asItStands(record))).toMatchObject({
      tsMs: T - 5,
      timeQuality: 'est',
      metrics: { temperature: 21.5 },
    });
    expect(lastRecordOf(record)).toEqual({
      ...{ kind: 'unstamped', life: moment.life, monotonicMs: 8_123.456, wallMs: T - 5 },
    });
  });

  it('gets another stamp and keeps its values', () => {
    const stamped = restamped(record, T, 'sync');
    expect(parsed(stamped)).toMatchObject({ tsMs: T, timeQuality: 'sync', metrics: { temperature: 21.5 } });
    expect(stamped).not.toContain('@');
    expect(meshStampOf(stamped)).toBe(T);
  });

  it('may have no wall time at all', () => {
    const timeless = encodeRecord({ x: 1 }, { tsMs: undefined, timeQuality: 'none', moment }).toString();
    expect(parsed(asItStands(timeless))).toMatchObject({ tsMs: undefined, timeQuality: 'none' });
    expect(parsed(restamped(timeless, T, 'est'))).toMatchObject({ tsMs: T, timeQuality: 'est', metrics: { x: 1 } });
    expect(lastRecordOf(timeless)).toMatchObject({ wallMs: undefined });
  });
});

it('a record of a shim of before is as it is', () => {
  const record = encodeRecord({ x: 1 }, { tsMs: T, timeQuality: 'est' }).toString();
  expect(record).toBe(`{"ts":${T},"tq":"est","x":1}`);
  expect(momentOf(record)).toBeUndefined();
  expect(asItStands(record)).toBe(record);
  expect(lastRecordOf(record)).toBeUndefined();
});

it('a text among the values is no moment', () => {
  const record = encodeRecord({ note: '{"@":["a",1],' }, { tsMs: T, timeQuality: 'sync' }).toString();
  expect(momentOf(record)).toBeUndefined();
  expect(lastRecordOf(record)).toEqual({ kind: 'stamped', stampMs: T });
});
