import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_KINDS, type FrameKind, HANDSHAKE_FRAME_BYTES_MAX } from '../../../../broker/federation/wire/frames.ts';
import {
  type Ack,
  type ControlFrame,
  DATAGRAM_BYTES_MAX,
  decodeAck,
  decodeControl,
  decodeCredit,
  decodeDatagram,
  encodeAck,
  encodeControl,
  encodeCredit,
  encodeDatagram,
  encodeFrame,
  FRAME_BYTES_MAX,
  type Frame,
  FrameReader,
} from '../../../../broker/federation/wire/index.ts';
import { LINK_PROTOCOL, name, onlyProtocolErrors, position } from './arbitraries.ts';

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

const hopsLeft = fc.nat({ max: 255 });
const ack: fc.Arbitrary<Ack> = fc.record({
  origin: name,
  destination: name,
  incarnation: name,
  position: fc.oneof(fc.constant(-1), position).map((one) => Math.min(one, Number.MAX_SAFE_INTEGER - 1)),
  isRewind: fc.boolean(),
  hopsLeft,
});
const datagram = fc.record({
  to: name,
  from: name,
  kind: fc.constantFrom('applied', 'claim', 'x'),
  hopsLeft,
  body: fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
});

describe('frames', () => {
  it('come out as they went in, however the stream is cut', () => {
    const kinds = fc.constantFrom(...(Object.keys(FRAME_KINDS) as FrameKind[]));
    const frame = fc.tuple(kinds, fc.uint8Array({ maxLength: 600 }));
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 8 }), (frames, places) => {
        const stream = Buffer.concat(frames.map(([kind, body]) => encodeFrame(kind, body)));
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
      expect(() => read(chunks)).toThrow(LINK_PROTOCOL);
    }
  });

  it('are small before the handshake', () => {
    const large = encodeFrame('control', Buffer.alloc(HANDSHAKE_FRAME_BYTES_MAX));
    expect(() => read([large], HANDSHAKE_FRAME_BYTES_MAX)).toThrow(LINK_PROTOCOL);
    expect(read([large])).toHaveLength(1);
  });
});

describe('acknowledgements, credit and datagrams', () => {
  it('come out as they went in', () => {
    fc.assert(fc.property(ack, (one) => void expect(decodeAck(encodeAck(one).subarray(5))).toEqual(one)));
    fc.assert(
      fc.property(datagram, (one) => void expect(decodeDatagram(encodeDatagram(one).subarray(5))).toEqual(one)),
    );
    for (const bytes of [0, 1, 2 ** 32 - 1]) expect(decodeCredit(encodeCredit(bytes).subarray(5))).toBe(bytes);
  });

  it('of random or changed bytes decode to something or to LINK_PROTOCOL', () => {
    const mutated = fc
      .tuple(fc.oneof(ack.map(encodeAck), datagram.map(encodeDatagram)), fc.nat(), fc.nat({ max: 255 }))
      .map(([frame, at, byte]) => {
        const body = Buffer.from(frame.subarray(5));
        body[at % body.length] = byte;
        return body;
      });
    const random = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(fc.oneof(mutated, random), (body) => {
        for (const decode of [decodeControl, decodeAck, decodeCredit, decodeDatagram, (b: Buffer) => read([b])])
          onlyProtocolErrors(() => decode(body));
      }),
      { numRuns: 3_000 },
    );
  });

  it('cut short anywhere, or an ACK with bytes behind, are refused', () => {
    const body = encodeAck({
      origin: 'a',
      destination: 'b',
      incarnation: 'life',
      position: 2 ** 40,
      isRewind: true,
      hopsLeft: 8,
    }).subarray(5);
    for (let end = 0; end < body.length; end++)
      expect(() => decodeAck(body.subarray(0, end)), `cut at ${end}`).toThrow(LINK_PROTOCOL);
    expect(() => decodeAck(Buffer.concat([body, Buffer.of(0)]))).toThrow(LINK_PROTOCOL);
    expect(() => decodeCredit(Buffer.alloc(5))).toThrow(LINK_PROTOCOL);
  });

  it('of more than 256 KiB are no datagrams', () => {
    const large = { to: 'b', from: 'a', kind: 'x', hopsLeft: 8, body: Buffer.alloc(DATAGRAM_BYTES_MAX) };
    const { body } = read([encodeDatagram(large)])[0] as Frame;
    expect(decodeDatagram(body).body).toHaveLength(DATAGRAM_BYTES_MAX);
    expect(() => decodeDatagram(Buffer.concat([body, Buffer.of(0)]))).toThrow(LINK_PROTOCOL);
    const larger = { ...large, body: Buffer.alloc(DATAGRAM_BYTES_MAX + 1) };
    expect(() => encodeDatagram(larger)).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });
});

describe('control frames', () => {
  it.each<ControlFrame>([
    {
      type: 'advertisement',
      node: 'a',
      incarnation: 'life',
      boot: 'boot',
      sequence: 7,
      neighbours: ['b', 'c'],
      isLeaf: false,
      interestVersion: 3,
      interestHash: '00ff',
    },
    {
      type: 'interest',
      node: 'a',
      boot: 'boot',
      version: 2,
      base: 1,
      hash: '00ff',
      add: ['a/#'],
      remove: ['b'],
      more: false,
    },
    { type: 'interestPull', node: 'a' },
    { type: 'filters', exports: ['a/#'], imports: [] },
    { type: 'ping', id: 1, hlcMs: 1_764_000_000_123.25 },
    { type: 'pong', id: 1, hlcMs: 1_764_000_000_124 },
  ])('of type $type come out as they went in', (frame) => {
    expect(decodeControl(encodeControl(frame).subarray(5))).toEqual(frame);
  });

  it.each([
    '{',
    '{}',
    'null',
    '{"type":"dance"}',
    '{"type":"ping","id":"x","hlcMs":1}',
    '{"type":"ping","id":1}',
    '{"type":"interestPull","node":""}',
    '{"type":"filters","imports":[""]}',
    '{"type":"interest","node":"a","boot":"b","version":0,"base":0,"hash":"","add":[],"remove":[],"more":false}',
  ])('are refused when they are %s', (text) => {
    expect(() => decodeControl(Buffer.from(text))).toThrow(LINK_PROTOCOL);
  });
});
