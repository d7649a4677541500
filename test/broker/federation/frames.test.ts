import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeBatch, encodeBatch, type LinkMessage } from '../../../broker/federation/batch.ts';
import {
  decodeAck,
  decodeControl,
  encodeAck,
  encodeControl,
  encodeFrame,
  FRAME_BYTES_MAX,
  type Frame,
  FrameReader,
  HANDSHAKE_FRAME_BYTES_MAX,
} from '../../../broker/federation/frames.ts';
import { answerDigest, decodeKeys } from '../../../broker/federation/retained-digest.ts';
import { LatticeError } from '../../../core/errors/index.ts';

/** fast-check's `binary` unit is any code point but surrogates. */
const topic = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => !text.startsWith('$SYS'));
const message: fc.Arbitrary<LinkMessage> = fc.record(
  {
    topic,
    payload: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
    retain: fc.boolean(),
    position: fc.nat({ max: 2 ** 48 - 1 }),
    stamp: fc.record({ ms: fc.double({ noNaN: true, noDefaultInfinity: true }), broker: fc.string({ maxLength: 20 }) }),
  },
  { requiredKeys: ['topic', 'payload', 'qos', 'retain'] },
);

function read(chunks: Iterable<Buffer>, frameBytesMax = FRAME_BYTES_MAX): Frame[] {
  const reader = new FrameReader();
  reader.frameBytesMax = frameBytesMax;
  const frames: Frame[] = [];
  for (const chunk of chunks) {
    for (const { kind, body } of reader.feed(chunk)) frames.push({ kind, body: Buffer.from(body) });
  }
  return frames;
}

function cut(stream: Buffer, places: number[]): Buffer[] {
  const ends = [...places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b), stream.length];
  return ends.map((end, i) => stream.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** Runs a decoder that may only fail with LINK_PROTOCOL. */
function onlyProtocolErrors(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(LatticeError);
    expect((error as LatticeError).code).toBe('LINK_PROTOCOL');
  }
}

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    const frame = fc.tuple(
      fc.constantFrom('control', 'batch', 'ack', 'digest', 'keys'),
      fc.uint8Array({ maxLength: 600 }),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }), (frames, places) => {
        const stream = Buffer.concat(frames.map(([kind, body]) => encodeFrame(kind as Frame['kind'], body)));
        const expected = frames.map(([kind, body]) => ({ kind, body: Buffer.from(body) }));
        expect(read(cut(stream, places))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    ['a length of 4 GiB', Buffer.from([0xff, 0xff, 0xff, 0xff, 1])],
    ['a length of 0', Buffer.from([0, 0, 0, 0, 1])],
    ['a length above the bound', Buffer.from([0, 0x40, 0, 1, 1])],
    ['an unknown kind', Buffer.from([0, 0, 0, 1, 99])],
  ])('are refused for %s, in one chunk or byte by byte', (_name, bytes) => {
    for (const chunks of [[bytes], [...bytes].map((byte) => Buffer.of(byte))]) {
      expect(() => read(chunks)).toThrow(expect.objectContaining({ code: 'LINK_PROTOCOL' }));
    }
  });

  it('are small before the handshake', () => {
    const large = encodeFrame('control', Buffer.alloc(HANDSHAKE_FRAME_BYTES_MAX));
    expect(() => read([large], HANDSHAKE_FRAME_BYTES_MAX)).toThrow(expect.objectContaining({ code: 'LINK_PROTOCOL' }));
    expect(read([large])).toHaveLength(1);
  });

  it('of random bytes end in nothing or in LINK_PROTOCOL, whatever decodes them', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        const body = Buffer.from(bytes);
        onlyProtocolErrors(() => read([body]));
        for (const decode of [decodeControl, decodeBatch, decodeAck, decodeKeys])
          onlyProtocolErrors(() => decode(body));
        onlyProtocolErrors(() => answerDigest(body, () => []));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('batches', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 6 }), (messages) => {
        const [frame] = read([encodeBatch(messages)]);
        expect(decodeBatch(frame?.body as Buffer)).toEqual(messages);
      }),
      { numRuns: 500 },
    );
  });

  it('cut short anywhere, or with bytes behind, are refused', () => {
    const messages: LinkMessage[] = [
      { topic: 'a/é', payload: Buffer.from('payload'), qos: 1, retain: false, position: 7 },
      { topic: 'r', payload: Buffer.alloc(0), qos: 0, retain: true, stamp: { ms: 5, broker: 'b' } },
    ];
    const body = encodeBatch(messages).subarray(5);
    for (let end = 0; end < body.length; end++) {
      expect(() => decodeBatch(body.subarray(0, end)), `cut at ${end}`).toThrow(
        expect.objectContaining({ code: 'LINK_PROTOCOL' }),
      );
    }
    expect(() => decodeBatch(Buffer.concat([body, Buffer.of(0)]))).toThrow(
      expect.objectContaining({ code: 'LINK_PROTOCOL' }),
    );
  });

  it('with a mutated byte decode to messages or LINK_PROTOCOL', () => {
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.nat({ max: 255 }),
        (messages, at, byte) => {
          const body = Buffer.from(encodeBatch(messages).subarray(5));
          body[at % body.length] = byte;
          onlyProtocolErrors(() => decodeBatch(body));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it.each(['', '$SYS', '$SYS/a/uptime'])('with the topic "%s" are refused', (forbidden) => {
    const body = encodeBatch([{ topic: forbidden, payload: Buffer.alloc(1), qos: 0, retain: false }]).subarray(5);
    expect(() => decodeBatch(body)).toThrow(expect.objectContaining({ code: 'LINK_PROTOCOL' }));
  });
});

describe('control frames', () => {
  it('come out as they went in; an ACK is binary', () => {
    const interest = { type: 'interest' as const, version: 2, base: 1, add: ['a/#'], remove: ['b'], more: false };
    expect(decodeControl(encodeControl(interest).subarray(5))).toEqual(interest);
    expect(decodeAck(encodeAck(2 ** 40).subarray(5))).toBe(2 ** 40);
  });

  it.each([
    '{',
    '{}',
    '{"type":"dance"}',
    '{"type":"ping","id":"x"}',
    '{"type":"resume","acceptedPosition":-2}',
    'null',
  ])('are refused when they are %s', (text) => {
    expect(() => decodeControl(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'LINK_PROTOCOL' }));
  });
});
