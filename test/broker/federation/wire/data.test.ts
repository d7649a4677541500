import { hkdfSync } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DATA_BYTES_MAX, DataDecoder, DataEncoder } from '../../../../broker/federation/wire/index.ts';
import { ByteWriter } from '../../../../core/bytes/index.ts';
import { dataFrame, frameOf, LINK_PROTOCOL, largeFrame, onlyProtocolErrors } from './arbitraries.ts';

const MESSAGE = { topic: 'a/é', payload: Buffer.from('payload'), qos: 1 as const, retain: false, to: 1 };
const encoders = [
  { compresses: false },
  { compresses: true },
  { compresses: true, accepts: ['zstd'] },
  { compresses: false, aliasesMax: 2 },
];

function telemetry(seed: number, count: number) {
  return Array.from({ length: count }, (_, i) => ({
    ...MESSAGE,
    topic: `mesh/v1/home/dev-${String((seed * 600 + i * 7) % 1_000).padStart(4, '0')}/state`,
    payload: Buffer.from(
      `{"seq":${12_345 + seed * count + i * 13},"ts":${1_764_000_000_123 + seed * 977 + i},"temperature":${(18 + ((i * 7_919 + seed) % 800) / 100).toFixed(2)},"humidity":${(35 + ((i * 104_729 + seed) % 200) / 10).toFixed(1)}}`,
    ),
  }));
}

describe('data frames', () => {
  it.each(encoders)('come out as they went in, one after the other, %o', (options) => {
    fc.assert(
      fc.property(fc.array(dataFrame, { minLength: 1, maxLength: 5 }), (frames) => {
        const encoder = new DataEncoder(options);
        const decoder = new DataDecoder();
        for (const frame of frames) expect(decoder.decode(encoder.encode(frame).subarray(5))).toEqual(frame);
      }),
      { numRuns: 300 },
    );
  });

  it('carry a topic once, then its number, and begin anew when the dictionary is full', () => {
    const encoder = new DataEncoder({ compresses: false, aliasesMax: 3 });
    const decoder = new DataDecoder();
    const bytes = ['one', 'one', 'two', 'three', 'four', 'one', 'one'].map((word) => {
      const frame = frameOf([{ ...MESSAGE, topic: `${word}-${'x'.repeat(100)}` }]);
      const encoded = encoder.encode(frame);
      expect(decoder.decode(encoded.subarray(5))).toEqual(frame);
      return encoded.length > 100 ? 'text' : 'alias';
    });
    expect(bytes).toEqual(['text', 'alias', 'text', 'text', 'text', 'text', 'alias']);
  });

  it('of 64 B telemetry cost well under half of what MQTT takes', () => {
    const encoder = new DataEncoder({ compresses: true, accepts: ['zstd'] });
    let bytes = 0;
    for (let seed = 0; seed < 20; seed++) bytes += encoder.encode(frameOf(telemetry(seed, 600))).length;
    expect(bytes / (20 * 600)).toBeLessThan(0.4 * (2 + 2 + 27 + 2 + 64 + 4));
  });

  it('compress what is worth it only', () => {
    const encoder = new DataEncoder({ compresses: true, accepts: ['zstd'] });
    const noise = hkdfSync('sha256', 'some bytes', '', '', 5_000);
    expect(encoder.encode(frameOf([{ ...MESSAGE, payload: Buffer.from(noise) }])).length).toBeGreaterThan(5_000);
    expect(encoder.encode(frameOf([{ ...MESSAGE, payload: Buffer.alloc(400) }])).length).toBeGreaterThan(400);
    expect(encoder.encode(frameOf([{ ...MESSAGE, payload: Buffer.alloc(5_000) }])).length).toBeLessThan(200);
  });

  it('beyond the bounds are not encoded, and the one behind them is whole', () => {
    const encoder = new DataEncoder({ compresses: true });
    const decoder = new DataDecoder();
    const none = { ...frameOf([MESSAGE]), destinations: [] };
    const backwards = { ...frameOf([MESSAGE]), until: 2 };
    for (const bad of [largeFrame(DATA_BYTES_MAX), none, backwards]) {
      expect(() => encoder.encode(bad)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
      const good = frameOf([{ ...MESSAGE, topic: 't' }]);
      expect(decoder.decode(encoder.encode(good).subarray(5))).toEqual(good);
    }
    const largest = largeFrame();
    const [message] = decoder.decode(encoder.encode(largest).subarray(5)).messages;
    expect(Buffer.compare(message?.payload as Buffer, largest.messages[0]?.payload as Buffer)).toBe(0);
  });
});

describe('damaged data frames', () => {
  it('cut short anywhere, or with bytes behind, are refused', () => {
    const stamp = { ms: 5, broker: 'b' };
    const frame = frameOf([MESSAGE, { ...MESSAGE, stamp, to: 0, shares: [{ filter: '$share/g/#', to: 0 }] }]);
    for (const options of encoders) {
      const body = new DataEncoder(options).encode(frame).subarray(5);
      for (let end = 0; end < body.length; end++)
        expect(() => new DataDecoder().decode(body.subarray(0, end)), `cut at ${end}`).toThrow(LINK_PROTOCOL);
      expect(() => new DataDecoder().decode(Buffer.concat([body, Buffer.of(0)]))).toThrow(LINK_PROTOCOL);
    }
  });

  it('decode to something or to LINK_PROTOCOL, whatever was changed in them', () => {
    const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(dataFrame, fc.constantFrom(...encoders), changes, (frame, options, mutations) => {
        const last = frame.messages.at(-1)?.sequence;
        const more = telemetry(1, 10).map((one, at) => {
          return { ...one, to: 1, ...(last === undefined ? {} : { sequence: last + 1 + at }) };
        });
        const large = { ...frame, messages: frame.messages.concat(more) };
        const body = Buffer.from(new DataEncoder(options).encode(large).subarray(5));
        for (const [at, byte] of mutations) body[at % body.length] = byte;
        onlyProtocolErrors(() => new DataDecoder().decode(body));
      }),
      { numRuns: 2_000 },
    );
  });

  it('of random bytes decode to LINK_PROTOCOL', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        onlyProtocolErrors(() => new DataDecoder().decode(Buffer.from(bytes)));
      }),
      { numRuns: 3_000 },
    );
  });

  it('with an alias that nobody gave are refused', () => {
    const encoder = new DataEncoder({ compresses: false });
    encoder.encode(frameOf([MESSAGE]));
    const second = encoder.encode(frameOf([MESSAGE])).subarray(5);
    expect(() => new DataDecoder().decode(second)).toThrow(LINK_PROTOCOL);
  });

  it.each(['$SYS', '$SYS/a/uptime', 'a/+/b', '#', 'nul\0'])('with the topic "%s" are refused', (topic) => {
    const body = new DataEncoder({ compresses: false }).encode(frameOf([{ ...MESSAGE, topic }])).subarray(5);
    expect(() => new DataDecoder().decode(body)).toThrow(LINK_PROTOCOL);
  });

  it.each([
    ['says less than it unfolds to', 1_000, 1],
    ['says more than a frame may hold', 2 ** 40, 1],
    ['holds more messages than a frame may', 300_000, 100_000],
  ])('that are a bomb are refused: one that %s', (_name, sectionBytes, messages) => {
    const body = new ByteWriter();
    body.byte(0x02);
    body.byte(8);
    for (const text of ['a', 'life']) {
      body.byte(0);
      body.text(text);
    }
    body.byte(1);
    body.varint(10);
    body.varint(0);
    body.byte(0);
    body.text('b');
    body.varint(7);
    body.varint(messages);
    body.varint(sectionBytes);
    body.bytes(zstdCompressSync(Buffer.alloc(300_000)));
    expect(() => new DataDecoder().decode(Buffer.from(body.written()))).toThrow(LINK_PROTOCOL);
  });

  it('that would grow a dictionary without end are refused', () => {
    const decoder = new DataDecoder();
    const feed = (round: number): void => {
      const encoder = new DataEncoder({ compresses: false });
      const topics = Array.from({ length: 20_000 }, (_, i) => ({ ...MESSAGE, topic: `${round}/${i}` }));
      const body = encoder.encode(frameOf(topics)).subarray(5);
      // Without its reset the dictionary goes on growing.
      if (round > 0) body[0] = (body[0] as number) & ~0x04;
      decoder.decode(body);
    };
    for (let round = 0; round < 3; round++) feed(round);
    expect(() => feed(3)).toThrow(LINK_PROTOCOL);
  });
});
