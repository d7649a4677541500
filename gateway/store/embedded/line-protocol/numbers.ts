/** Numbers out of ASCII bytes, without a string where a double holds them exactly. */
const DOT = 0x2e;
const MINUS = 0x2d;
const PLUS = 0x2b;
const ZERO = 0x30;
const NINE = 0x39;

/** Decimal digits that a double always holds. */
const SAFE_DIGITS = 15;
const POWERS_OF_TEN = Array.from({ length: SAFE_DIGITS + 1 }, (_, exponent) => 10 ** exponent);

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;

export function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

const FLOAT = /^-?(\d+\.?\d*|\.\d+)([eE][+-]?\d*)?$/;

export type FloatFault = 'syntax' | 'value';

/**
 * A float as influxd takes it: `syntax` when it has not the form of one, `value` when no double fits it. Up to 15 digits, mantissa and power of ten are both exact, so
 * one division rounds correctly (Clinger 1990); the rest goes through the engine's own parser.
 */
export function parseFloat64(bytes: Buffer, start: number, end: number): number | FloatFault {
  let at = start;
  const negative = bytes[at] === MINUS;
  if (negative) at++;
  let mantissa = 0;
  let digits = 0;
  let fraction = -1;
  for (; at < end; at++) {
    const byte = bytes[at] as number;
    if (byte >= ZERO && byte <= NINE) {
      mantissa = mantissa * 10 + (byte - ZERO);
      digits++;
      if (fraction >= 0) fraction++;
    } else if (byte === DOT && fraction < 0) {
      fraction = 0;
    } else {
      break;
    }
  }
  if (at === end && digits > 0 && digits <= SAFE_DIGITS) {
    const value = fraction > 0 ? mantissa / (POWERS_OF_TEN[fraction] as number) : mantissa;
    return negative ? -value : value;
  }
  const text = bytes.toString('latin1', start, end);
  if (!FLOAT.test(text)) return 'syntax';
  const value = Number(text);
  return Number.isFinite(value) ? value : 'value';
}

export type IntegerFault = 'syntax' | 'range';

/** A whole number of 64 bits; number where it is safe, else bigint. */
export function parseInt64(bytes: Buffer, start: number, end: number): number | bigint | IntegerFault {
  let at = start;
  const negative = bytes[at] === MINUS;
  if (negative || bytes[at] === PLUS) at++;
  if (at === end) return 'syntax';
  let value = 0;
  for (let digit = at; digit < end; digit++) {
    const byte = bytes[digit] as number;
    if (byte < ZERO || byte > NINE) return 'syntax';
    value = value * 10 + (byte - ZERO);
  }
  if (end - at <= SAFE_DIGITS) return negative ? 0 - value : value;
  const exact = BigInt(bytes.toString('latin1', at, end)) * (negative ? -1n : 1n);
  if (exact < INT64_MIN || exact > INT64_MAX) return 'range';
  return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
}

/** A stamp, always bigint; nine digits at a time, since BigInt(string) costs more than the rest of the line. */
export function parseStamp(bytes: Buffer, start: number, end: number): bigint | IntegerFault {
  const negative = bytes[start] === MINUS;
  const first = negative ? start + 1 : start;
  const length = end - first;
  if (length === 0) return 'syntax';
  for (let at = first; at < end; at++) if (!isDigit(bytes[at] as number)) return 'syntax';
  if (length > 19) return 'range';
  const split = Math.max(first, end - 9);
  let high = 0;
  for (let at = first; at < split; at++) high = high * 10 + ((bytes[at] as number) - ZERO);
  let low = 0;
  for (let at = split; at < end; at++) low = low * 10 + ((bytes[at] as number) - ZERO);
  const value = BigInt(high) * 1_000_000_000n + BigInt(low);
  if (negative) return value > -INT64_MIN ? 'range' : -value;
  return value > INT64_MAX ? 'range' : value;
}
