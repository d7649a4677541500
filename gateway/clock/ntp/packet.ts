import { shortOfMs, shortToMs } from './stamp.ts';

/** Without extension fields and without a MAC (RFC 5905, section 7.3). */
export const PACKET_BYTES = 48;

export const LEAP_UNSYNCHRONISED = 3;
export const STRATUM_UNSYNCHRONISED = 16;
/** Of a packet whose reference id is a kiss code. */
export const STRATUM_KISS = 0;
export const MODE = { client: 3, server: 4 } as const;

const VERSION_MIN = 1;
const VERSION_MAX = 4;

export interface NtpPacket {
  /** 0 none, 1 and 2 a leap second is near, 3 not synchronised. */
  leap: number;
  /** 1 to 4. */
  version: number;
  /** 0 to 7. */
  mode: number;
  /** 0 to 255: 1 has a clock of its own, 16 and above are not synchronised. */
  stratum: number;
  /** log2 of seconds, -128 to 127. */
  pollLog2S: number;
  /** log2 of seconds, -128 to 127. */
  precisionLog2S: number;
  /** Round trip to the primary clock. */
  rootDelayMs: number;
  rootDispersionMs: number;
  /** See refidText. */
  refid: number;
  /** When the clock was last set. This and the others are 64-bit stamps, see stampToMs. */
  reference: bigint;
  origin: bigint;
  receive: bigint;
  transmit: bigint;
}

export type PacketFault = 'tooShort' | 'raggedLength' | 'versionUnsupported';
export type Decoded = { packet: NtpPacket; fault?: never } | { fault: PacketFault };

export function encodePacket(packet: NtpPacket): Buffer {
  const bytes = Buffer.alloc(PACKET_BYTES);
  bytes.writeUInt8((packet.leap << 6) | (packet.version << 3) | packet.mode, 0);
  bytes.writeUInt8(packet.stratum, 1);
  bytes.writeInt8(packet.pollLog2S, 2);
  bytes.writeInt8(packet.precisionLog2S, 3);
  bytes.writeUInt32BE(shortOfMs(packet.rootDelayMs), 4);
  bytes.writeUInt32BE(shortOfMs(packet.rootDispersionMs), 8);
  bytes.writeUInt32BE(packet.refid, 12);
  bytes.writeBigUInt64BE(packet.reference, 16);
  bytes.writeBigUInt64BE(packet.origin, 24);
  bytes.writeBigUInt64BE(packet.receive, 32);
  bytes.writeBigUInt64BE(packet.transmit, 40);
  return bytes;
}

/**
 * Any bytes; never throws. Extension fields and a MAC may follow and are not looked at. Version 3 lets the root delay be negative:
 * it is read as 4 has it, as a very long one.
 */
export function decodePacket(datagram: Uint8Array): Decoded {
  if (datagram.length < PACKET_BYTES) return { fault: 'tooShort' };
  if (datagram.length % 4 !== 0) return { fault: 'raggedLength' };
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const flags = bytes.readUInt8(0);
  const version = (flags >> 3) & 7;
  if (version < VERSION_MIN || version > VERSION_MAX) return { fault: 'versionUnsupported' };
  const packet = {
    leap: flags >> 6,
    version,
    mode: flags & 7,
    stratum: bytes.readUInt8(1),
    pollLog2S: bytes.readInt8(2),
    precisionLog2S: bytes.readInt8(3),
    rootDelayMs: shortToMs(bytes.readUInt32BE(4)),
    rootDispersionMs: shortToMs(bytes.readUInt32BE(8)),
    refid: bytes.readUInt32BE(12),
    reference: bytes.readBigUInt64BE(16),
    origin: bytes.readBigUInt64BE(24),
    receive: bytes.readBigUInt64BE(32),
    transmit: bytes.readBigUInt64BE(40),
  };
  return { packet };
}
