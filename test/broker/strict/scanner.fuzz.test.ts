import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { PacketScanner } from '../../../broker/strict/index.ts';
import { LatticeError } from '../../../core/errors/index.ts';
import { connect, scan } from './bytes.ts';

/** Text without what MQTT forbids: fast-check's `binary` unit is any code point but surrogates. */
const text = (maxLength: number) =>
  fc.string({ unit: 'binary', maxLength }).map((value) => value.replaceAll('\u0000', 'z'));
const level = text(6).map((value) => value.replace(/[+#/]/g, 'x'));
const topic = fc
  .array(level, { minLength: 1, maxLength: 5 })
  .map((levels) => levels.join('/'))
  .filter((value) => value !== '');
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { minLength: 1, maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => [...levels, ...(all ? ['#'] : [])].join('/'))
  .filter((value) => value !== '');
const qos = fc.constantFrom(0, 1, 2) as fc.Arbitrary<0 | 1 | 2>;
const messageId = fc.integer({ min: 1, max: 65_535 });
const payload = fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes));

const connectPacket: fc.Arbitrary<Packet> = fc
  .record({
    old: fc.boolean(),
    clean: fc.boolean(),
    clientId: text(10),
    keepalive: fc.integer({ min: 0, max: 65_535 }),
    will: fc.option(fc.record({ topic, payload, qos, retain: fc.boolean() }), { nil: undefined }),
    login: fc.option(
      fc.tuple(
        text(8).filter((name) => name !== ''),
        fc.option(payload, { nil: undefined }),
      ),
      {
        nil: undefined,
      },
    ),
  })
  .map(({ old, clean, clientId, keepalive, will, login }) => ({
    cmd: 'connect' as const,
    protocolId: old ? ('MQIsdp' as const) : ('MQTT' as const),
    protocolVersion: old ? (3 as const) : (4 as const),
    clean,
    clientId: old || !clean ? `c${clientId}` : clientId,
    keepalive,
    // A will message of no bytes is left out by the encoder, as is an empty password.
    ...(will && { will: { ...will, payload: Buffer.concat([Buffer.of(1), will.payload]) } }),
    ...(login && { username: login[0], ...(login[1]?.length && { password: login[1] }) }),
  }));

const laterPacket: fc.Arbitrary<Packet> = fc.oneof(
  fc
    .record({ topic, payload, qos, retain: fc.boolean(), dup: fc.boolean(), messageId })
    .map((fields) => ({ cmd: 'publish' as const, ...fields, dup: fields.dup && fields.qos > 0 })),
  fc
    .tuple(fc.constantFrom('puback' as const, 'pubrec' as const, 'pubrel' as const, 'pubcomp' as const), messageId)
    .map(([cmd, id]) => ({ cmd, messageId: id })),
  fc
    .tuple(messageId, fc.array(fc.record({ topic: filter, qos }), { minLength: 1, maxLength: 4 }))
    .map(([id, subscriptions]) => ({ cmd: 'subscribe' as const, messageId: id, subscriptions })),
  fc
    .tuple(messageId, fc.array(filter, { minLength: 1, maxLength: 4 }))
    .map(([id, unsubscriptions]) => ({ cmd: 'unsubscribe' as const, messageId: id, unsubscriptions })),
  fc.constant({ cmd: 'pingreq' as const }),
);

const validStream = fc
  .tuple(connectPacket, fc.array(laterPacket, { maxLength: 8 }))
  .map(([first, rest]) => Buffer.concat([first, ...rest].map((one) => generate(one))));

function cutsOf(places: number[], length: number): number[] {
  return [...new Set(places.map((place) => place % (length + 1)))].sort((a, b) => a - b);
}

describe('PacketScanner against mqtt-packet', () => {
  it('passes every valid stream on byte for byte, however it is cut', () => {
    fc.assert(
      fc.property(validStream, fc.array(fc.nat(), { maxLength: 6 }), (stream, places) => {
        expect(scan(stream, cutsOf(places, stream.length))).toMatchObject({ passed: stream, violation: undefined });
      }),
      { numRuns: 600 },
    );
  });

  it('answers a mutated stream with a violation or not at all, the same for every cut, and passes on a prefix of it', () => {
    const mutation = fc.record({ at: fc.nat(), with: fc.uint8Array({ maxLength: 3 }), removed: fc.nat({ max: 3 }) });
    fc.assert(
      fc.property(
        validStream,
        fc.array(mutation, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        (valid, mutations, places) => {
          let stream = valid;
          for (const { at, with: inserted, removed } of mutations) {
            const place = at % (stream.length + 1);
            stream = Buffer.concat([stream.subarray(0, place), inserted, stream.subarray(place + removed)]);
          }
          const whole = scan(stream);
          const cut = scan(stream, cutsOf(places, stream.length));
          expect(cut.violation).toBe(whole.violation);
          expect(cut.passed).toEqual(whole.passed);
          expect(stream.subarray(0, whole.passed.length)).toEqual(whole.passed);
        },
      ),
      { numRuns: 600 },
    );
  });

  it('holds on to at most a packet of the limit, whatever it is fed', () => {
    const limits = { packetBytesMax: 600, connectPacketBytesMax: 300 };
    fc.assert(
      fc.property(fc.boolean(), fc.array(fc.uint8Array({ maxLength: 2_000 }), { maxLength: 10 }), (open, chunks) => {
        const scanner = new PacketScanner(limits);
        if (open) scanner.feed(connect());
        for (const chunk of chunks) {
          const { violation } = scanner.feed(chunk);
          expect(violation === undefined || violation.error instanceof LatticeError).toBe(true);
          expect(scanner.bufferedBytes).toBeLessThanOrEqual(limits.packetBytesMax);
        }
      }),
      { numRuns: 600 },
    );
  });
});
