import { describe, expect, it } from 'vitest';
import { PacketScanner } from '../../../broker/strict/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { connect, field, LIMITS, packet, remainingLength, scan } from './bytes.ts';

const PING = packet(0xc0);
const DISCONNECT = packet(0xe0);
const ID = [0, 7];
const SURROGATE = [0x61, 0xed, 0xa0, 0x80];

/** One line per check: what the client sends behind a good CONNECT, and the clause that the refusal must name. */
const AFTER_CONNECT: [string, Buffer, string][] = [
  ['type 0', packet(0x00), 'MQTT-4.8.0-1'],
  ['type 15', packet(0xf0), 'MQTT-4.8.0-1'],
  ['CONNACK from a client', packet(0x20, 0, 0), 'MQTT-4.8.0-1'],
  ['SUBACK from a client', packet(0x90, ID, 0), 'MQTT-4.8.0-1'],
  ['UNSUBACK from a client', packet(0xb0, ID), 'MQTT-4.8.0-1'],
  ['PINGRESP from a client', packet(0xd0), 'MQTT-4.8.0-1'],
  ['a second CONNECT', connect(), 'MQTT-3.1.0-2'],
  ['PUBACK with flags', packet(0x41, ID), 'MQTT-2.2.2-2'],
  ['PUBREC with flags', packet(0x52, ID), 'MQTT-2.2.2-2'],
  ['PUBREL without its flag', packet(0x60, ID), 'MQTT-3.6.1-1'],
  ['PUBCOMP with flags', packet(0x72, ID), 'MQTT-2.2.2-2'],
  ['SUBSCRIBE without its flag', packet(0x80, ID, field('a'), 0), 'MQTT-3.8.1-1'],
  ['UNSUBSCRIBE without its flag', packet(0xa0, ID, field('a')), 'MQTT-3.10.1-1'],
  ['PINGREQ with flags', packet(0xc1), 'MQTT-2.2.2-2'],
  ['DISCONNECT with flags', packet(0xe1), 'MQTT-3.14.1-1'],
  ['PINGREQ with a body', packet(0xc0, 1), 'section 2.2.3'],
  ['DISCONNECT with a body', packet(0xe0, 1), 'section 2.2.3'],
  ['PUBACK of three bytes', packet(0x40, ID, 0), 'section 2.2.3'],
  ['PUBACK of one byte', packet(0x40, 1), 'section 2.2.3'],
  ['a remaining length of five bytes', Buffer.of(0x30, 0xff, 0xff, 0xff, 0xff, 0x01), 'section 2.2.3'],
  ['PUBLISH with QoS 3', packet(0x36, field('a'), ID), 'MQTT-3.3.1-4'],
  ['PUBLISH with DUP and QoS 0', packet(0x38, field('a')), 'MQTT-3.3.1-2'],
  ['PUBLISH to an empty topic', packet(0x30, field('')), 'MQTT-4.7.3-1'],
  ['PUBLISH to a topic with #', packet(0x30, field('a/#')), 'MQTT-3.3.2-2'],
  ['PUBLISH to a topic with +', packet(0x30, field('a+b')), 'MQTT-3.3.2-2'],
  ['PUBLISH to a topic with U+0000', packet(0x30, field([0x61, 0])), 'MQTT-1.5.3-2'],
  ['PUBLISH to a topic with a surrogate', packet(0x30, field(SURROGATE)), 'MQTT-1.5.3-1'],
  ['PUBLISH whose topic overruns', packet(0x30, [0, 5], [0x61]), 'MQTT-3.3.2-1'],
  ['PUBLISH without a topic length', packet(0x30, 0), 'MQTT-3.3.2-1'],
  ['PUBLISH of nothing', packet(0x30), 'MQTT-3.3.2-1'],
  ['PUBLISH with packet id 0', packet(0x32, field('a'), [0, 0]), 'MQTT-2.3.1-1'],
  ['PUBLISH without its packet id', packet(0x34, field('a'), 1), 'MQTT-2.3.1-1'],
  ['PUBACK with packet id 0', packet(0x40, [0, 0]), 'MQTT-2.3.1-1'],
  ['PUBREC with packet id 0', packet(0x50, [0, 0]), 'MQTT-2.3.1-1'],
  ['PUBREL with packet id 0', packet(0x62, [0, 0]), 'MQTT-2.3.1-1'],
  ['PUBCOMP with packet id 0', packet(0x70, [0, 0]), 'MQTT-2.3.1-1'],
  ['SUBSCRIBE with packet id 0', packet(0x82, [0, 0], field('a'), 0), 'MQTT-2.3.1-1'],
  ['SUBSCRIBE without a packet id', packet(0x82), 'MQTT-2.3.1-1'],
  ['SUBSCRIBE without a filter', packet(0x82, ID), 'MQTT-3.8.3-3'],
  ['SUBSCRIBE whose filter overruns', packet(0x82, ID, [0, 9], [0x61]), 'MQTT-3.8.3-1'],
  ['SUBSCRIBE without a QoS', packet(0x82, ID, field('a')), 'MQTT-3.8.3-3'],
  ['SUBSCRIBE with QoS 3', packet(0x82, ID, field('a'), 3), 'MQTT-3-8.3-4'],
  ['SUBSCRIBE with reserved bits', packet(0x82, ID, field('a'), 0x80), 'MQTT-3-8.3-4'],
  ['SUBSCRIBE to nothing', packet(0x82, ID, field(''), 0), 'MQTT-4.7.3-1'],
  ['SUBSCRIBE to a#', packet(0x82, ID, field('a#'), 0), 'MQTT-4.7.1-2'],
  ['SUBSCRIBE to #/a', packet(0x82, ID, field('#/a'), 0), 'MQTT-4.7.1-2'],
  ['SUBSCRIBE to a/+b', packet(0x82, ID, field('a/+b'), 0), 'MQTT-4.7.1-3'],
  ['SUBSCRIBE to a+', packet(0x82, ID, field('a+'), 0), 'MQTT-4.7.1-3'],
  ['a bad second filter', packet(0x82, ID, field('a'), 1, field('b/#/c'), 1), 'MQTT-4.7.1-2'],
  ['SUBSCRIBE to U+0000', packet(0x82, ID, field([0x61, 0]), 0), 'MQTT-1.5.3-2'],
  ['SUBSCRIBE to a surrogate', packet(0x82, ID, field(SURROGATE), 0), 'MQTT-1.5.3-1'],
  ['UNSUBSCRIBE with packet id 0', packet(0xa2, [0, 0], field('a')), 'MQTT-2.3.1-1'],
  ['UNSUBSCRIBE without a filter', packet(0xa2, ID), 'MQTT-3.10.3-2'],
  ['UNSUBSCRIBE whose filter overruns', packet(0xa2, ID, field('a'), [0, 2, 0x61]), 'MQTT-3.10.3-1'],
  ['UNSUBSCRIBE from a malformed filter', packet(0xa2, ID, field('+a')), 'MQTT-4.7.1-3'],
];

/** What the client sends first. */
const FIRST: [string, Buffer, string, number?][] = [
  ['PUBLISH before CONNECT', packet(0x30, field('a')), 'MQTT-3.1.0-1'],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'MQTT-3.1.0-1'],
  ['a TLS hello', Buffer.of(0x16, 3, 1, 2, 0, 1), 'MQTT-2.2.2-2'],
  ['another protocol name', connect({ name: 'AMQP' }), 'MQTT-3.1.2-1'],
  ['MQTT 5', connect({ level: 5 }), 'MQTT-3.1.2-2', 1],
  ['MQTT at level 3', connect({ level: 3 }), 'MQTT-3.1.2-2', 1],
  ['MQIsdp at level 4', connect({ name: 'MQIsdp', level: 4 }), 'MQTT-3.1.2-2', 1],
  ['bridge mode of level 4', connect({ level: 0x84 }), 'MQTT-3.1.2-2', 1],
  ['the reserved connect flag', connect({ flags: 3 }), 'MQTT-3.1.2-3'],
  ['a will QoS without a will', connect({ flags: 0x0a }), 'MQTT-3.1.2-13'],
  ['a will retain flag without a will', connect({ flags: 0x22 }), 'MQTT-3.1.2-15'],
  ['will QoS 3', connect({ flags: 0x1e, rest: Buffer.concat([field('w'), field('x')]) }), 'MQTT-3.1.2-14'],
  ['a password without a user name', connect({ flags: 0x42, rest: field('secret') }), 'MQTT-3.1.2-22'],
  ['an empty client id, clean 0', connect({ flags: 0, clientId: '' }), 'MQTT-3.1.3-8', 2],
  ['an empty client id in 3.1', connect({ name: 'MQIsdp', level: 3, clientId: '' }), 'MQTT-3.1.3-8', 2],
  ['U+0000 in the client id', connect({ clientId: [0x61, 0] }), 'MQTT-1.5.3-2'],
  ['a surrogate in the client id', connect({ clientId: SURROGATE }), 'MQTT-1.5.3-1'],
  ['an empty will topic', connect({ flags: 6, rest: Buffer.concat([field(''), field('x')]) }), 'MQTT-4.7.3-1'],
  ['a wildcard in the will topic', connect({ flags: 6, rest: Buffer.concat([field('#'), field('')]) }), 'MQTT-3.3.2-2'],
  ['a will without its message', connect({ flags: 6, rest: field('w') }), 'MQTT-3.1.3-1'],
  ['a will without its topic', connect({ flags: 6 }), 'MQTT-3.1.3-1'],
  ['a user name flag without the name', connect({ flags: 0x82 }), 'MQTT-3.1.3-1'],
  ['U+0000 in the user name', connect({ flags: 0x82, rest: field([0]) }), 'MQTT-1.5.3-2'],
  ['a password flag without it', connect({ flags: 0xc2, rest: field('user') }), 'MQTT-3.1.3-1'],
  ['a password that overruns', connect({ flags: 0xc2, rest: Buffer.from([...field('u'), 0, 4, 1]) }), 'MQTT-3.1.3-1'],
  ['a byte behind the last field', connect({ rest: Buffer.of(0) }), 'MQTT-3.1.3-1'],
  ['CONNECT that ends in the protocol name', packet(0x10, [0, 4, 0x4d]), 'MQTT-3.1.3-1'],
  ['CONNECT that ends behind the name', packet(0x10, field('MQTT')), 'MQTT-3.1.3-1'],
  ['CONNECT that ends behind the level', packet(0x10, field('MQTT'), 4), 'MQTT-3.1.3-1'],
  ['CONNECT that ends behind the flags', packet(0x10, field('MQTT'), 4, 2, [0, 60]), 'MQTT-3.1.3-1'],
  ['CONNECT of nothing', packet(0x10), 'MQTT-3.1.3-1'],
];

/** Broken UTF-8 of every kind: lone tail, overlong, cut short, beyond U+10FFFF, both kinds of surrogate, 0xFF. */
const ILL_FORMED: number[][] = [
  [0x80],
  [0xc0, 0xaf],
  [0xc1, 0xbf],
  [0xe0, 0x9f, 0xbf],
  [0xf0, 0x8f, 0xbf, 0xbf],
  [0xc3],
  [0xe2, 0x82],
  [0xf0, 0x9f, 0x98],
  [0xe2, 0x28, 0xa1],
  [0xf4, 0x90, 0x80, 0x80],
  [0xf5, 0x80, 0x80, 0x80],
  [0xed, 0xa0, 0x80],
  [0xed, 0xbf, 0xbf],
  [0xff],
];

describe('PacketScanner, clause by clause', () => {
  it.each(AFTER_CONNECT)('refuses %s', (_name, bytes, clause) => {
    const good = Buffer.concat([connect(), PING]);
    const { passed, violation, code } = scan(Buffer.concat([good, bytes, PING]));
    expect(violation).toContain(clause);
    expect(code).toBe('PACKET_MALFORMED');
    expect(passed).toEqual(good);
  });

  it.each(FIRST)('refuses %s', (_name, bytes, clause, connackCode) => {
    const { passed, violation, code, connackCode: answered } = scan(bytes);
    expect(violation).toContain(clause);
    expect(code).toBe(clause === 'MQTT-3.1.2-1' || connackCode === 1 ? 'PROTOCOL_UNSUPPORTED' : 'PACKET_MALFORMED');
    expect(answered).toBe(connackCode);
    expect(passed).toHaveLength(0);
  });

  it.each(ILL_FORMED.map((bytes) => [Buffer.from(bytes).toString('hex'), bytes] as const))(
    'refuses the ill-formed UTF-8 %s wherever text stands',
    (_name, bytes) => {
      const text = field([0x61, ...bytes, 0x62]);
      const atEnd = field([0x61, ...bytes]);
      for (const part of [text, atEnd]) {
        for (const bad of [packet(0x30, part), packet(0x82, ID, part, 0), packet(0xa2, ID, part)]) {
          expect(scan(Buffer.concat([connect(), bad])).violation).toContain('MQTT-1.5.3-1');
        }
        expect(scan(connect({ flags: 0x82, rest: part })).violation).toContain('MQTT-1.5.3-1');
        expect(scan(connect({ flags: 6, rest: Buffer.concat([part, field('')]) })).violation).toContain('MQTT-1.5.3-1');
      }
    },
  );

  it('takes everything that is allowed, byte for byte', () => {
    const stream = Buffer.concat([
      connect({ flags: 0xf6, rest: Buffer.concat([field('w/é/😀'), field([0, 255]), field('user'), field([0, 200])]) }),
      packet(0x30, field('a')),
      packet(0x3d, field('\ufeffbom/€/\u{10ffff}'), ID, Buffer.alloc(300, 0)),
      packet(0x33, field('/'), ID),
      packet(
        0x82,
        ID,
        field('#'),
        2,
        field('+'),
        1,
        field('+/a/+/#'),
        0,
        field('$shard/3/mesh/v1/#'),
        1,
        field('/'),
        0,
      ),
      packet(0xa2, ID, field('#'), field('$share/g/a')),
      packet(0x40, ID),
      packet(0x50, ID),
      packet(0x62, ID),
      packet(0x70, ID),
      PING,
      DISCONNECT,
    ]);
    expect(scan(stream)).toMatchObject({ passed: stream, violation: undefined });
    for (const first of [connect({ name: 'MQIsdp', level: 3 }), connect({ clientId: '' }), connect({ flags: 0 })]) {
      expect(scan(first)).toMatchObject({ passed: first, violation: undefined });
    }
  });

  it('leaves out what comes behind DISCONNECT, and does not hold it against the client', () => {
    const stream = Buffer.concat([connect(), DISCONNECT]);
    for (const cuts of [[], [stream.length]]) {
      const scanned = scan(Buffer.concat([stream, Buffer.from('garbage')]), cuts);
      expect(scanned).toMatchObject({ passed: stream, violation: undefined });
    }
  });

  it('stops behind CONNECT until the rest is fed again', () => {
    const scanner = new PacketScanner(LIMITS);
    const first = connect({ clientId: 'dev-1' });
    const { runs, consumed } = scanner.feed(Buffer.concat([first, PING]));
    expect(Buffer.concat(runs)).toEqual(first);
    expect(consumed).toBe(first.length);
    expect(scanner.connect).toEqual({ clientId: 'dev-1', protocolLevel: 4 });
  });
});

describe('PacketScanner, sizes', () => {
  it('refuses a CONNECT above its limit, and a later packet above the other, from the header alone', () => {
    const small = new PacketScanner({ packetBytesMax: 1_000, connectPacketBytesMax: 50 });
    const first = connect({ clientId: 'x'.repeat(40) });
    expect(scan(first.subarray(0, 2), [], small)).toMatchObject({ code: 'PACKET_TOO_LARGE' });

    const limits = { packetBytesMax: 1_000, connectPacketBytesMax: first.length };
    const fits = packet(0x30, field('a'), Buffer.alloc(1_000 - 3 - 3));
    expect(fits.length).toBe(1_000);
    const over = Buffer.of(0x30, ...remainingLength(998));
    const scanned = scan(Buffer.concat([first, fits, over]), [], new PacketScanner(limits));
    expect(scanned).toMatchObject({ code: 'PACKET_TOO_LARGE', passed: Buffer.concat([first, fits]) });
    expect(scanned.violation).toContain('1001 bytes; the limit is 1000');
  });

  it('allocates for bytes that came, not for those announced', () => {
    const scanner = new PacketScanner({ packetBytesMax: 2 ** 27, connectPacketBytesMax: 2 ** 27 });
    scanner.feed(Buffer.of(0x10, ...remainingLength(64 * 1024 * 1024)));
    scanner.feed(Buffer.alloc(1_000));
    expect(scanner.bufferedBytes).toBeLessThanOrEqual(2_048);
  });

  it('gathers a packet sent byte by byte in at most twice its bytes, and lets go of them', () => {
    const scanner = new PacketScanner(LIMITS);
    scanner.feed(connect());
    const large = packet(0x30, field('a'), Buffer.alloc(100_000, 7));
    let most = 0;
    for (let at = 0; at < large.length - 1; at++) {
      scanner.feed(large.subarray(at, at + 1));
      most = Math.max(most, scanner.bufferedBytes / Math.max(256, at + 1));
    }
    expect(most).toBeLessThanOrEqual(2);
    expect(Buffer.concat(scanner.feed(large.subarray(-1)).runs)).toEqual(large);
    expect(scanner.bufferedBytes).toBe(0);
  });

  it('does not copy a packet that lies whole in a chunk', () => {
    const scanner = new PacketScanner(LIMITS);
    scanner.feed(connect());
    const chunk = Buffer.concat([packet(0x30, field('a'), [1]), packet(0x30, field('b'), [2]), Buffer.of(0x30)]);
    const { runs } = scanner.feed(chunk);
    expect(runs).toHaveLength(1);
    expect(runs[0]?.buffer).toBe(chunk.buffer);
    expect(runs[0]?.length).toBe(chunk.length - 1);
  });
});

describe('PacketScanner, cuts of the stream', () => {
  const good: [string, Buffer, string] = ['a good stream', packet(0x32, field('a/b'), ID, [1, 2]), ''];
  const streams = [...AFTER_CONNECT, good].map(([name, bytes]): [string, Buffer] => [
    name,
    Buffer.concat([connect(), packet(0x30, field('t'), Buffer.alloc(200)), bytes, PING]),
  ]);
  streams.push(...FIRST.map(([name, bytes]): [string, Buffer] => [name, bytes]));

  it.each(streams)('%s: the same for every cut', (name, stream) => {
    const whole = scan(stream);
    const outcome = ({ passed, violation }: typeof whole) => ({ passed, violation });
    const bytewise = Array.from({ length: stream.length - 1 }, (_, i) => i + 1);
    expect(outcome(scan(stream, bytewise))).toEqual(outcome(whole));
    const random = seededRandom(`cuts/${name}`);
    for (let run = 0; run < 20; run++) {
      const cuts = bytewise.filter(() => random.next() < 0.1);
      expect(outcome(scan(stream, cuts)), `seed cuts/${name}, run ${run}`).toEqual(outcome(whole));
    }
  });
});
