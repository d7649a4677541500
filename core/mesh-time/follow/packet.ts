import { createHmac, createSecretKey, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto';
import { isMeshName } from '../../wire/index.ts';
import { QUESTION_ID, TIME_KINDS, type TimeAnswer, type TimeQuestion } from './messages.ts';

/*
 * Question and answer over UDP, one size for both, so that an answer is never longer than what asked for it:
 *
 *     at   bytes
 *      0       3  "LDT"
 *      3       1  version, 1
 *      4       1  1 question, 2 answer
 *      5       1  kind of the time, its place in TIME_KINDS; 0 in a question
 *      6      65  device: a byte for the length of its name and 64 that are padded with 0
 *     71      65  server, alike; all 0 in a question
 *    136       8  id of the question
 *    144       8  t1, float64
 *    152       8  t2, float64; 0 in a question
 *    160       8  uncertainty in ms, float64, infinite while there is no time; 0 in a question
 *    168       8  t3, float64; 0 in a question
 *    176      16  the first half of HMAC-SHA256 over all before it (RFC 2104, section 5)
 *
 * Numbers are big-endian. t3 stands last so that all before it is hashed before t3 is read from the clock.
 */
const MAGIC = Buffer.from('LDT');
const VERSION = 1;
const QUESTION = 1;
const ANSWER = 2;
const NAME_BYTES_MAX = 64;
const AT = {
  ...{ version: 3, type: 4, kind: 5, device: 6, server: 71, id: 136, t1: 144, t2: 152, uncertainty: 160, t3: 168 },
  tag: 176,
} as const;
export const TIME_PACKET_BYTES = 192;

export type TimePacketFault = 'length' | 'magic' | 'version' | 'type' | 'name' | 'fields' | 'tag';

export type DecodedQuestion = { device: string; question: TimeQuestion } | { fault: TimePacketFault };
export type DecodedAnswer = { answer: TimeAnswer } | { fault: TimePacketFault };

/**
 * The key of a device's packets: HKDF-SHA256 (RFC 5869) of the password of its account, which the site key gives it
 * (`derivedPassword`), so that it is of no other use.
 */
export function timePacketKey(devicePassword: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', devicePassword, '', 'lattice/device-time/v1', 32)));
}

/** Takes the device's name, which has to be a mesh name. */
export function encodeQuestionPacket(device: string, question: TimeQuestion, key: KeyObject): Buffer {
  return sealed(drafted(QUESTION, device, question), key);
}

/** An answer that lacks but the time of its departure, so that little happens between the clock and the network. */
export function draftAnswerPacket(
  device: string,
  { serverId, kind, t2Ms, uncertaintyMs, ...question }: Omit<TimeAnswer, 't3Ms'>,
  key: KeyObject,
): (t3Ms: number) => Buffer {
  const bytes = drafted(ANSWER, device, question);
  bytes[AT.kind] = TIME_KINDS.indexOf(kind);
  writeName(bytes, AT.server, serverId);
  bytes.writeDoubleBE(t2Ms, AT.t2);
  bytes.writeDoubleBE(uncertaintyMs, AT.uncertainty);
  const hmac = createHmac('sha256', key).update(bytes.subarray(0, AT.t3));
  return (t3Ms) => {
    bytes.writeDoubleBE(t3Ms, AT.t3);
    hmac
      .update(bytes.subarray(AT.t3, AT.tag))
      .digest()
      .copy(bytes, AT.tag, 0, TIME_PACKET_BYTES - AT.tag);
    return bytes;
  };
}

/** Never throws. The key is looked up by the name that the packet claims. */
export function decodeQuestionPacket(bytes: Buffer, keyOf: (device: string) => KeyObject): DecodedQuestion {
  const fault = headFault(bytes, QUESTION);
  if (fault !== undefined) return { fault };
  const device = readName(bytes, AT.device);
  if (device === undefined) return { fault: 'name' };
  if (!isSealed(bytes, keyOf(device))) return { fault: 'tag' };
  const t1Ms = bytes.readDoubleBE(AT.t1);
  const isPadded = bytes[AT.kind] === 0 && isZero(bytes, AT.server, AT.id) && isZero(bytes, AT.t2, AT.tag);
  if (!isPadded || !Number.isFinite(t1Ms)) return { fault: 'fields' };
  return { device, question: { id: readId(bytes), t1Ms } };
}

/** Never throws. An answer that was made for another device has a fault. */
export function decodeAnswerPacket(bytes: Buffer, device: string, key: KeyObject): DecodedAnswer {
  const fault = headFault(bytes, ANSWER);
  if (fault !== undefined) return { fault };
  const serverId = readName(bytes, AT.server);
  if (serverId === undefined || readName(bytes, AT.device) !== device) return { fault: 'name' };
  if (!isSealed(bytes, key)) return { fault: 'tag' };
  const kind = TIME_KINDS[bytes[AT.kind] as number];
  const [t1Ms, t2Ms, t3Ms] = [AT.t1, AT.t2, AT.t3].map((at) => bytes.readDoubleBE(at)) as [number, number, number];
  const uncertaintyMs = bytes.readDoubleBE(AT.uncertainty);
  const areNumbers = [t1Ms, t2Ms, t3Ms].every(Number.isFinite) && uncertaintyMs >= 0;
  if (kind === undefined || !areNumbers) return { fault: 'fields' };
  return { answer: { id: readId(bytes), t1Ms, t2Ms, t3Ms, uncertaintyMs, kind, serverId } };
}

function drafted(type: number, device: string, { id, t1Ms }: TimeQuestion): Buffer {
  if (!QUESTION_ID.test(id)) throw new RangeError(`"${id}" is no id of a question.`);
  const bytes = Buffer.alloc(TIME_PACKET_BYTES);
  MAGIC.copy(bytes);
  bytes[AT.version] = VERSION;
  bytes[AT.type] = type;
  writeName(bytes, AT.device, device);
  bytes.write(id, AT.id, 'hex');
  bytes.writeDoubleBE(t1Ms, AT.t1);
  return bytes;
}

function headFault(bytes: Buffer, type: number): TimePacketFault | undefined {
  if (bytes.length !== TIME_PACKET_BYTES) return 'length';
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'magic';
  if (bytes[AT.version] !== VERSION) return 'version';
  return bytes[AT.type] === type ? undefined : 'type';
}

function sealed(bytes: Buffer, key: KeyObject): Buffer {
  tagOf(bytes, key).copy(bytes, AT.tag);
  return bytes;
}

function isSealed(bytes: Buffer, key: KeyObject): boolean {
  return timingSafeEqual(tagOf(bytes, key), bytes.subarray(AT.tag));
}

function tagOf(bytes: Buffer, key: KeyObject): Buffer {
  const digest = createHmac('sha256', key).update(bytes.subarray(0, AT.tag)).digest();
  return digest.subarray(0, TIME_PACKET_BYTES - AT.tag);
}

function readId(bytes: Buffer): string {
  return bytes.toString('hex', AT.id, AT.t1);
}

/** Mesh names are ASCII. */
function writeName(bytes: Buffer, at: number, name: string): void {
  if (!isMeshName(name)) throw new RangeError(`"${name}" is no mesh name.`);
  bytes[at] = name.length;
  bytes.write(name, at + 1, NAME_BYTES_MAX, 'latin1');
}

function readName(bytes: Buffer, at: number): string | undefined {
  const length = bytes[at] as number;
  const start = at + 1;
  if (length > NAME_BYTES_MAX || !isZero(bytes, start + length, start + NAME_BYTES_MAX)) return undefined;
  const name = bytes.toString('latin1', start, start + length);
  return isMeshName(name) ? name : undefined;
}

function isZero(bytes: Buffer, start: number, end: number): boolean {
  return bytes.subarray(start, end).every((byte) => byte === 0);
}
