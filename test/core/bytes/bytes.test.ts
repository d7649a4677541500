import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../../core/bytes/index.ts';

class Fault extends Error {}
const readerOf = (bytes: Uint8Array): ByteReader => new ByteReader(Buffer.from(bytes), (detail) => new Fault(detail));

const field = fc.oneof(
  fc.record({ kind: fc.constant('varint' as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('byte' as const), value: fc.nat(255) }),
  fc.record({ kind: fc.constant('finite' as const), value: fc.double({ noNaN: true, noDefaultInfinity: true }) }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme', maxLength: 600 }) }),
);

describe('bytes', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.array(field), (fields) => {
        const writer = new ByteWriter();
        for (const { kind, value } of fields) {
          if (kind === 'text') writer.text(value);
          else writer[kind](value);
        }
        const reader = readerOf(writer.written());
        for (const { kind, value } of fields) expect(kind === 'text' ? reader.text(2_400) : reader[kind]()).toBe(value);
        reader.expectEnd();
      }),
    );
  });

  it.each([0, 1, 127, 128, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER])(
    'a varint of %d',
    (value) => {
      const writer = new ByteWriter();
      writer.varint(value);
      expect(readerOf(writer.written()).varint()).toBe(value);
    },
  );

  it.each<[string, number[], (reader: ByteReader) => unknown]>([
    ['a number without its end', [0x80, 0x80], (reader) => reader.varint()],
    ['a number of more than 2^53 - 1', [255, 255, 255, 255, 255, 255, 255, 255, 1], (reader) => reader.varint()],
    ['a number over its bound', [9], (reader) => reader.varint(8)],
    ['a flag of 2', [2], (reader) => reader.flag()],
    ['a text longer than the bytes', [200, 1, 65], (reader) => reader.text(1_000)],
    ['a text that is no UTF-8', [1, 0xff], (reader) => reader.text(10)],
    ['a number that is not finite', [0x7f, 0xf0, 0, 0, 0, 0, 0, 0], (reader) => reader.finite()],
    ['bytes behind the end', [0], (reader) => reader.expectEnd()],
  ])('%s is the fault that the caller named', (_, bytes, read) => {
    expect(() => read(readerOf(Uint8Array.from(bytes)))).toThrow(Fault);
  });
});
