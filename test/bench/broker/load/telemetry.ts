import type { Random } from '../../../../core/random/index.ts';

export const STAMP_DIGITS = 13;
/** A stamp is microseconds since the generator began plus this, so that it has STAMP_DIGITS digits for the next 285 years. */
const STAMP_BASE = 10 ** (STAMP_DIGITS - 1);
const ZERO = 0x30;

/** A reading as a device sends it, and the places in it that differ from message to message. */
export interface Telemetry {
  payload: Buffer;
  stampAt: number;
  /** Decimals of the values. */
  digitsAt: readonly number[];
}

/** JSON of exactly so many bytes, at least 64: a stamp, four values, and random text when there is room. */
export function telemetry(payloadBytes: number, random: Random): Telemetry {
  const text = `{"ts":${STAMP_BASE},"tmp":21.53,"hum":45.21,"p":1013.2,"b":3.71}`;
  const digitsAt = [...text.matchAll(/\.(\d+)/g)].flatMap(({ 1: decimals, index }) =>
    Array.from(decimals as string, (_, i) => index + 1 + i),
  );
  const room = payloadBytes - text.length;
  if (room < 0) throw new RangeError(`A reading takes ${text.length} bytes at least.`);
  // Random, so that no link looks better for compressing filler.
  const raw = (bytes: number): string => Array.from({ length: bytes }, () => random.below(36).toString(36)).join('');
  const wrapping = ',"raw":""'.length;
  const payload = room < wrapping ? text + ' '.repeat(room) : `${text.slice(0, -1)},"raw":"${raw(room - wrapping)}"}`;
  return { payload: Buffer.from(payload, 'latin1'), stampAt: '{"ts":'.length, digitsAt };
}

export function writeStamp(into: Uint8Array, elapsedUs: number): void {
  let rest = STAMP_BASE + Math.floor(elapsedUs);
  for (let at = STAMP_DIGITS - 1; at >= 0; at--) {
    const next = Math.floor(rest / 10);
    into[at] = ZERO + rest - next * 10;
    rest = next;
  }
}

/** The elapsedUs of a stamp. */
export function readStamp(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let i = at; i < at + STAMP_DIGITS; i++) value = value * 10 + (bytes[i] as number) - ZERO;
  return value - STAMP_BASE;
}
