import { malformed, type Violation } from './violation.ts';

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;

/**
 * Checks of MQTT strings on the packet's own bytes, without decoding them. Bytes below 0x80 stand for themselves in UTF-8,
 * so that separators and wildcards can be found without decoding either.
 */

/** A string of any content: well-formed UTF-8 (RFC 3629, so no surrogates) and no U+0000. */
export function textFault(bytes: Uint8Array, start: number, end: number, what: string): Violation | undefined {
  for (let at = start; at < end; ) {
    const byte = bytes[at] as number;
    if (byte === 0) return malformed('MQTT-1.5.3-2', `U+0000 in the ${what}`);
    if (byte < 0x80) {
      at++;
      continue;
    }
    const length = sequenceLength(bytes, at, end);
    if (length === 0) return malformed('MQTT-1.5.3-1', `The ${what} is not well-formed UTF-8`);
    at += length;
  }
  return undefined;
}

/** A topic that is published to. */
export function topicNameFault(bytes: Uint8Array, start: number, end: number, what: string): Violation | undefined {
  if (start === end) return malformed('MQTT-4.7.3-1', `The ${what} is empty`);
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte === PLUS || byte === HASH) return malformed('MQTT-3.3.2-2', `A wildcard in the ${what}`);
  }
  return textFault(bytes, start, end, what);
}

/** A filter that is subscribed to: `#` only as the last level, `+` only as a whole level. */
export function topicFilterFault(bytes: Uint8Array, start: number, end: number): Violation | undefined {
  if (start === end) return malformed('MQTT-4.7.3-1', 'The topic filter is empty');
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte !== PLUS && byte !== HASH) continue;
    const opensLevel = at === start || bytes[at - 1] === SLASH;
    if (byte === HASH) {
      if (!opensLevel || at + 1 !== end) {
        return malformed('MQTT-4.7.1-2', '# in the topic filter is not the whole of its last level');
      }
    } else if (!opensLevel || (at + 1 !== end && bytes[at + 1] !== SLASH)) {
      return malformed('MQTT-4.7.1-3', '+ in the topic filter is not the whole of its level');
    }
  }
  return textFault(bytes, start, end, 'topic filter');
}

/** Bytes of the sequence that begins here, 0 when it is ill-formed. The ranges are table 3-7 of the Unicode standard. */
function sequenceLength(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] as number;
  if (first >= 0xc2 && first <= 0xdf) return at + 1 < end && isTail(bytes[at + 1]) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    if (at + 2 >= end) return 0;
    const second = bytes[at + 1] as number;
    const low = first === 0xe0 ? 0xa0 : 0x80;
    const high = first === 0xed ? 0x9f : 0xbf;
    return second >= low && second <= high && isTail(bytes[at + 2]) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    if (at + 3 >= end) return 0;
    const second = bytes[at + 1] as number;
    const low = first === 0xf0 ? 0x90 : 0x80;
    const high = first === 0xf4 ? 0x8f : 0xbf;
    return second >= low && second <= high && isTail(bytes[at + 2]) && isTail(bytes[at + 3]) ? 4 : 0;
  }
  return 0;
}

function isTail(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
