/*
 * PROBE and REPLY, one size for both, so that a reply is never longer than what asked for it:
 *
 *     at   bytes
 *      0       3  "LCP"
 *      3       1  version, 1
 *      4       1  kind: 1 PROBE, 2 REPLY
 *      5       1  flags: 1, the probe may have waited for the peer's event loop; 0 in a PROBE
 *      6     130  sender: site and name, each a byte for its length and 64 bytes that are padded with 0
 *    136     130  receiver, alike
 *    266       8  boot of the sender
 *    274       8  nonce of the probe
 *    282       6  sequence of the probe
 *    288       8  t2, float64; 0 in a PROBE
 *    296       8  t3, float64; 0 in a PROBE
 *    304      16  the first half of HMAC-SHA256 over all before it (RFC 2104, section 5)
 *
 * Numbers are big-endian. t3 stands last so that all before it is hashed before t3 is read from the clock.
 */
import {
  createHmac,
  createSecretKey,
  type Hmac,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { GatewayIdentity } from '../../transport/index.ts';

const MAGIC = Buffer.from('LCP');
const VERSION = 1;
const KINDS = { probe: 1, reply: 2 } as const;
const NAME_BYTES_MAX = 64;
const TOKEN_BYTES = 8;
const PRINTABLE = /^[\x21-\x7e]+$/;
const ZEROS = Buffer.alloc(NAME_BYTES_MAX);
const AT = {
  version: 3,
  kind: 4,
  flags: 5,
  sender: 6,
  receiver: 136,
  boot: 266,
  nonce: 274,
  sequence: 282,
  t2: 288,
  t3: 296,
  tag: 304,
} as const;
export const PACKET_BYTES = 320;
/** Sequences are below it. */
export const SEQUENCE_END = 2 ** 48;

interface Head {
  sender: GatewayIdentity;
  receiver: GatewayIdentity;
  /** 8 bytes in hex. */
  boot: string;
  /** 8 bytes in hex, never the same twice. */
  nonce: string;
  sequence: number;
}

export interface Probe extends Head {
  kind: 'probe';
}

export interface Reply extends Head {
  kind: 'reply';
  t2Ms: number;
  t3Ms: number;
  /** The probe may have waited before t2 was taken. */
  isLate: boolean;
}

export type PacketFault = 'length' | 'magic' | 'version' | 'kind' | 'flags' | 'identity' | 'stamp' | 'tag';

/** A fault says who the packet claims to be from, when it came as far as that. */
export type Decoded = { packet: Probe | Reply } | { fault: PacketFault; sender?: GatewayIdentity };

/**
 * The key of all probes within a site, HKDF-SHA256 (RFC 5869) of the site key, so that it is of no other use. A KeyObject, since an
 * HMAC begins several times faster with it than with bytes.
 */
export function probeKey(siteKey: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', siteKey, '', 'lattice/clock-probe/v1', 32)));
}

/** 8 random bytes in hex: a nonce, or the name of a process's life. */
export function randomToken(): string {
  return randomBytes(TOKEN_BYTES).toString('hex');
}

export function encodeProbe(probe: Probe, key: KeyObject): Buffer {
  const bytes = Buffer.alloc(PACKET_BYTES);
  writeHead(bytes, probe);
  return finish(bytes, hmacOf(bytes, key, AT.tag));
}

/** A reply that lacks but the time of its departure, so that little happens between the clock and the network. */
export function draftReply(reply: Omit<Reply, 't3Ms'>, key: KeyObject): (t3Ms: number) => Buffer {
  const bytes = Buffer.alloc(PACKET_BYTES);
  writeHead(bytes, reply);
  bytes[AT.flags] = reply.isLate ? 1 : 0;
  bytes.writeDoubleBE(reply.t2Ms, AT.t2);
  const hmac = hmacOf(bytes, key, AT.t3);
  return (t3Ms) => {
    bytes.writeDoubleBE(t3Ms, AT.t3);
    return finish(bytes, hmac.update(bytes.subarray(AT.t3, AT.tag)));
  };
}

/** Never throws. Nothing but `sender` may be believed of a packet with a fault, and that not much. */
export function decodePacket(bytes: Buffer, key: KeyObject): Decoded {
  if (bytes.length !== PACKET_BYTES) return { fault: 'length' };
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return { fault: 'magic' };
  if (bytes[AT.version] !== VERSION) return { fault: 'version' };
  const sender = readIdentity(bytes, AT.sender);
  const receiver = readIdentity(bytes, AT.receiver);
  if (sender === undefined || receiver === undefined) return { fault: 'identity' };
  const tag = hmacOf(bytes, key, AT.tag)
    .digest()
    .subarray(0, PACKET_BYTES - AT.tag);
  if (!timingSafeEqual(tag, bytes.subarray(AT.tag))) return { fault: 'tag', sender };
  const head: Head = {
    sender,
    receiver,
    boot: bytes.toString('hex', AT.boot, AT.boot + TOKEN_BYTES),
    nonce: bytes.toString('hex', AT.nonce, AT.nonce + TOKEN_BYTES),
    sequence: bytes.readUIntBE(AT.sequence, 6),
  };
  const kind = bytes[AT.kind];
  const flags = bytes[AT.flags] as number;
  if (kind === KINDS.probe) {
    if (flags !== 0) return { fault: 'flags', sender };
    if (!isZero(bytes, AT.t2, AT.tag)) return { fault: 'stamp', sender };
    return { packet: { kind: 'probe', ...head } };
  }
  if (kind !== KINDS.reply) return { fault: 'kind', sender };
  if (flags > 1) return { fault: 'flags', sender };
  const t2Ms = bytes.readDoubleBE(AT.t2);
  const t3Ms = bytes.readDoubleBE(AT.t3);
  if (!Number.isFinite(t2Ms) || !Number.isFinite(t3Ms)) return { fault: 'stamp', sender };
  return { packet: { kind: 'reply', ...head, t2Ms, t3Ms, isLate: flags === 1 } };
}

function writeHead(bytes: Buffer, head: Head & { kind: keyof typeof KINDS }): void {
  MAGIC.copy(bytes);
  bytes[AT.version] = VERSION;
  bytes[AT.kind] = KINDS[head.kind];
  writeIdentity(bytes, AT.sender, head.sender);
  writeIdentity(bytes, AT.receiver, head.receiver);
  bytes.write(head.boot, AT.boot, TOKEN_BYTES, 'hex');
  bytes.write(head.nonce, AT.nonce, TOKEN_BYTES, 'hex');
  bytes.writeUIntBE(head.sequence, AT.sequence, 6);
}

function writeIdentity(bytes: Buffer, at: number, { site, name }: GatewayIdentity): void {
  for (const text of [site, name]) {
    bytes[at] = text.length;
    bytes.write(text, at + 1, NAME_BYTES_MAX, 'latin1');
    at += 1 + NAME_BYTES_MAX;
  }
}

function readIdentity(bytes: Buffer, at: number): GatewayIdentity | undefined {
  const site = readName(bytes, at);
  const name = readName(bytes, at + 1 + NAME_BYTES_MAX);
  return site === undefined || name === undefined ? undefined : { site, name };
}

/** A text that a page may show: printable ASCII without spaces, as mesh names are. */
function readName(bytes: Buffer, at: number): string | undefined {
  const length = bytes[at] as number;
  const start = at + 1;
  if (length === 0 || length > NAME_BYTES_MAX || !isZero(bytes, start + length, start + NAME_BYTES_MAX))
    return undefined;
  const text = bytes.toString('latin1', start, start + length);
  return PRINTABLE.test(text) ? text : undefined;
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  return bytes.compare(ZEROS, 0, end - start, start, end) === 0;
}

function hmacOf(bytes: Buffer, key: KeyObject, end: number): Hmac {
  return createHmac('sha256', key).update(bytes.subarray(0, end));
}

function finish(bytes: Buffer, hmac: Hmac): Buffer {
  hmac.digest().copy(bytes, AT.tag, 0, PACKET_BYTES - AT.tag);
  return bytes;
}
