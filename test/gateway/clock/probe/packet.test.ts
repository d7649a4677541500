import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodePacket,
  draftReply,
  encodeProbe,
  PACKET_BYTES,
  type Probe,
  probeKey,
  type Reply,
  SEQUENCE_END,
} from '../../../../gateway/clock/probe/packet.ts';
import { transportKey } from '../../../../gateway/transport/wire/index.ts';
import { KEY, probeOf, replyOf, SITE_KEY } from './packets.ts';

const meshName = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
const identity = fc.record({ site: meshName, name: meshName });
const token = fc.stringMatching(/^[0-9a-f]{16}$/);
const stampMs = fc.double({ noNaN: true, noDefaultInfinity: true });
const head = {
  sender: identity,
  receiver: identity,
  boot: token,
  nonce: token,
  sequence: fc.integer({ min: 0, max: SEQUENCE_END - 1 }),
};
const anyProbe: fc.Arbitrary<Probe> = fc.record({ kind: fc.constant('probe' as const), ...head });
const anyReply: fc.Arbitrary<Reply> = fc.record({
  kind: fc.constant('reply' as const),
  ...head,
  t2Ms: stampMs,
  t3Ms: stampMs,
  isLate: fc.boolean(),
});

function encode(packet: Probe | Reply, key = KEY): Buffer {
  return packet.kind === 'probe' ? encodeProbe(packet, key) : draftReply(packet, key)(packet.t3Ms);
}

/** A packet that a peer with the right key made by other rules. */
function sealed(change: (bytes: Buffer) => void, packet: Probe | Reply = probeOf()): Buffer {
  const bytes = encode(packet);
  change(bytes);
  createHmac('sha256', KEY).update(bytes.subarray(0, 304)).digest().copy(bytes, 304, 0, 16);
  return bytes;
}

describe('packets of clock probes', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.oneof(anyProbe, anyReply), (packet) => {
        expect(decodePacket(encode(packet), KEY)).toEqual({ packet });
      }),
    );
  });

  it('have one size, so that nobody can be flooded with replies to short probes', () => {
    fc.assert(
      fc.property(fc.oneof(anyProbe, anyReply), (packet) => {
        expect(encode(packet)).toHaveLength(PACKET_BYTES);
      }),
    );
    expect(decodePacket(encode(probeOf()).subarray(0, PACKET_BYTES - 1), KEY)).toEqual({ fault: 'length' });
    expect(decodePacket(Buffer.concat([encode(probeOf()), Buffer.alloc(1)]), KEY)).toEqual({ fault: 'length' });
  });

  it('are worth nothing once a single bit has changed', () => {
    fc.assert(
      fc.property(fc.oneof(anyProbe, anyReply), fc.nat(PACKET_BYTES * 8 - 1), (packet, bit) => {
        const bytes = encode(packet);
        bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expect(decodePacket(bytes, KEY)).toHaveProperty('fault');
      }),
      { numRuns: 2_000 },
    );
  });

  it('are refused without a throw, whatever the bytes', () => {
    const framed = fc.uint8Array({ minLength: PACKET_BYTES, maxLength: PACKET_BYTES }).map((bytes) => {
      bytes.set(Buffer.from('LCP\x01'));
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 700 }), framed), (bytes) => {
        expect(decodePacket(Buffer.from(bytes), KEY)).toHaveProperty('fault');
      }),
      { numRuns: 2_000 },
    );
  });

  it('are read to the end even where a peer with the key writes nonsense', () => {
    const framed = fc.uint8Array({ minLength: PACKET_BYTES, maxLength: PACKET_BYTES });
    fc.assert(
      fc.property(framed, fc.nat(PACKET_BYTES), (noise, from) => {
        const bytes = sealed((packet) => packet.set(noise.subarray(from), from), replyOf(probeOf()));
        const decoded = decodePacket(bytes, KEY);
        if ('packet' in decoded) expect(encode(decoded.packet)).toEqual(bytes);
      }),
      { numRuns: 2_000 },
    );
  });

  it('name each fault', () => {
    const { sender } = probeOf();
    const reply = replyOf(probeOf());
    const fault = (bytes: Buffer) => decodePacket(bytes, KEY);
    expect(fault(Buffer.alloc(0))).toEqual({ fault: 'length' });
    expect(fault(sealed((bytes) => bytes.write('NTP')))).toEqual({ fault: 'magic' });
    expect(fault(sealed((bytes) => bytes.writeUInt8(2, 3)))).toEqual({ fault: 'version' });
    expect(fault(sealed((bytes) => bytes.writeUInt8(3, 4)))).toEqual({ fault: 'kind', sender });
    expect(fault(sealed((bytes) => bytes.writeUInt8(1, 5)))).toEqual({ fault: 'flags', sender });
    expect(fault(sealed((bytes) => bytes.writeUInt8(2, 5), reply))).toEqual({ fault: 'flags', sender: reply.sender });
    expect(fault(sealed((bytes) => bytes.writeUInt8(0, 6)))).toEqual({ fault: 'identity' });
    expect(fault(sealed((bytes) => bytes.writeUInt8(65, 136)))).toEqual({ fault: 'identity' });
    expect(fault(sealed((bytes) => bytes.write('\n', 7)))).toEqual({ fault: 'identity' });
    expect(fault(sealed((bytes) => bytes.writeUInt8(1, 40)))).toEqual({ fault: 'identity' });
    expect(fault(sealed((bytes) => bytes.writeDoubleBE(1, 288)))).toEqual({ fault: 'stamp', sender });
    expect(fault(sealed((bytes) => bytes.writeDoubleBE(Number.NaN, 296), reply))).toEqual({
      fault: 'stamp',
      sender: reply.sender,
    });
    expect(fault(encodeProbe(probeOf(), probeKey('another site')))).toEqual({ fault: 'tag', sender });
  });

  it('have a key of their own', () => {
    expect(KEY.symmetricKeySize).toBe(32);
    expect(KEY.export()).toEqual(probeKey(SITE_KEY).export());
    expect(KEY.export()).not.toEqual(transportKey(SITE_KEY));
  });
});
