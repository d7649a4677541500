import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePacket, encodePacket, type NtpPacket, PACKET_BYTES } from '../../../../gateway/clock/ntp/packet.ts';
import { refidOfText, refidText } from '../../../../gateway/clock/ntp/refid.ts';
import { shortToMs } from '../../../../gateway/clock/ntp/stamp.ts';

const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const stamp = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const packets: fc.Arbitrary<NtpPacket> = fc.record({
  leap: fc.integer({ min: 0, max: 3 }),
  version: fc.integer({ min: 1, max: 4 }),
  mode: fc.integer({ min: 0, max: 7 }),
  stratum: fc.integer({ min: 0, max: 255 }),
  pollLog2S: fc.integer({ min: -128, max: 127 }),
  precisionLog2S: fc.integer({ min: -128, max: 127 }),
  rootDelayMs: uint32.map(shortToMs),
  rootDispersionMs: uint32.map(shortToMs),
  refid: uint32,
  reference: stamp,
  origin: stamp,
  receive: stamp,
  transmit: stamp,
});

describe('a packet', () => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(packets, (packet) => {
        expect(decodePacket(encodePacket(packet))).toEqual({ packet });
      }),
      { numRuns: 2_000 },
    );
  });

  it('is 48 bytes in the order of RFC 5905, figure 8', () => {
    const bytes = encodePacket({
      leap: 1,
      version: 4,
      mode: 4,
      stratum: 2,
      pollLog2S: 6,
      precisionLog2S: -20,
      rootDelayMs: 1_500,
      rootDispersionMs: 250,
      refid: 0xc0_00_02_01,
      reference: 0x01n,
      origin: 0x02n,
      receive: 0x03n,
      transmit: 0x04n,
    });
    expect(bytes.toString('hex')).toBe(
      '640206ec 00018000 00004000 c0000201 0000000000000001 0000000000000002 0000000000000003 0000000000000004'.replaceAll(
        ' ',
        '',
      ),
    );
  });

  it('may be followed by extension fields and a MAC', () => {
    fc.assert(
      fc.property(packets, fc.integer({ min: 0, max: 20 }), (packet, words) => {
        expect(decodePacket(Buffer.concat([encodePacket(packet), Buffer.alloc(words * 4, 7)]))).toEqual({ packet });
      }),
    );
  });

  it.each([
    ['tooShort', Buffer.alloc(0)],
    ['tooShort', Buffer.alloc(PACKET_BYTES - 1, 0x24)],
    ['raggedLength', Buffer.alloc(PACKET_BYTES + 2, 0x24)],
    ['versionUnsupported', Buffer.alloc(PACKET_BYTES)],
    ['versionUnsupported', Buffer.alloc(PACKET_BYTES, 0x2c)],
  ])('is refused as %s', (fault, bytes) => expect(decodePacket(bytes)).toEqual({ fault }));

  it('of any bytes is a packet or a fault, never a throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 96 }), (bytes) => {
        const decoded = decodePacket(bytes);
        if (decoded.fault !== undefined) return;
        expect(bytes.length).toBeGreaterThanOrEqual(PACKET_BYTES);
        expect(encodePacket(decoded.packet)).toEqual(Buffer.from(bytes.subarray(0, PACKET_BYTES)));
      }),
      { numRuns: 20_000 },
    );
  });

  it('is read within the bytes that it was given, not within the buffer that they are cut from', () => {
    const pool = new Uint8Array(256).fill(0x24);
    expect(decodePacket(pool.subarray(200, 240))).toEqual({ fault: 'tooShort' });
  });
});

describe('a reference id', () => {
  it.each([
    ['GPS', 1, 'GPS'],
    ['RATE', 0, 'RATE'],
    ['LATT', 10, '76.65.84.84'],
  ])('of %s at stratum %d reads %s', (text, stratum, told) => expect(refidText(refidOfText(text), stratum)).toBe(told));

  it.each([
    [0xc0_00_02_01, 2, '192.0.2.1'],
    [0x1b_5b_32_4a, 1, '1b5b324a'],
    [0, 1, ''],
    [0xff_ff_ff_ff, 0, 'ffffffff'],
  ])('of %d at stratum %d reads %s', (refid, stratum, told) => expect(refidText(refid, stratum)).toBe(told));
});
