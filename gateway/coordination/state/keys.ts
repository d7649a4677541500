import type { KeyRange } from '../types.ts';

const SURROGATES_FROM = 0xd800;
const SURROGATES_TO = 0xe000;

/**
 * The order of two strings by their UTF-8 bytes: negative, 0 or positive. JavaScript's own order differs in one place: a
 * surrogate (a code point from U+10000 on) sorts before U+E000 to U+FFFF there, and behind them here.
 */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= SURROGATES_FROM && unit < SURROGATES_TO ? unit + 0x10000 : unit;
}

/** The first key that a range may hold. */
export function rangeStart(range: KeyRange): string {
  if ('key' in range) return range.key;
  return 'prefix' in range ? range.prefix : range.from;
}

export function rangeIncludes(range: KeyRange, key: string): boolean {
  if ('key' in range) return key === range.key;
  if ('prefix' in range) return key.startsWith(range.prefix);
  return compareKeys(key, range.from) >= 0 && compareKeys(key, range.to) < 0;
}
