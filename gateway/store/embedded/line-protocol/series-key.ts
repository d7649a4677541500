import { escapeMeasurement, escapeName, unescapeMeasurement, unescapeName } from '../../line-protocol/index.ts';

export interface SeriesKey {
  measurement: string;
  /** Sorted by key. */
  tags: Map<string, string>;
}

/**
 * Takes a series key of line protocol (`cpu,host=a,room=b`) apart. Returns influxd's words where it is none.
 * In a key, quotes have no meaning and a backslash only escapes a comma, a space or an equals sign.
 */
export function parseSeriesKey(text: string): SeriesKey | string {
  const parts = splitUnescaped(text, ',');
  const measurement = parts[0] as string;
  if (measurement === '') return 'missing measurement';
  const tags: [string, string][] = [];
  for (const part of parts.slice(1)) {
    const pieces = splitUnescaped(part, '=');
    if (pieces[0] === '') return 'missing tag key';
    if (pieces.length === 1 || pieces[1] === '') return 'missing tag value';
    if (pieces.length > 2) return 'invalid tag format';
    tags.push([unescapeName(pieces[0] as string), unescapeName(pieces[1] as string)]);
  }
  tags.sort(([a], [b]) => compareBytes(a, b));
  for (let at = 1; at < tags.length; at++) if (tags[at]?.[0] === tags[at - 1]?.[0]) return 'duplicate tags';
  return { measurement: unescapeMeasurement(measurement), tags: new Map(tags) };
}

/** The one text of a series, whatever the order and the needless escapes of the line it came from. */
export function formatSeriesKey(key: SeriesKey): string {
  let text = escapeMeasurement(key.measurement);
  for (const [name, value] of key.tags) text += `,${escapeName(name)}=${escapeName(value)}`;
  return text;
}

/** Go compares strings by their UTF-8 bytes; JavaScript by UTF-16 units, which differs beyond the basic plane. */
export function compareBytes(a: string, b: string): number {
  if (a === b) return 0;
  for (let at = 0; at < a.length && at < b.length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left === right) continue;
    const isSurrogate = left >= 0xd800 || right >= 0xd800;
    return isSurrogate ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : left - right;
  }
  return a.length - b.length;
}

function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}
