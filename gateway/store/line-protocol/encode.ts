import type { Point } from '../../../core/wire/index.ts';
import { escapeName, quoteString } from './escape.ts';

/** A point as line protocol has it, its parts still apart; or why it cannot be written. */
export type EncodedPoint = { key: string; fields: [name: string, value: string][]; stamp: string } | { fault: string };

const INT64_MIN = -(2n ** 63n);
const INT64_MAX = 2n ** 63n - 1n;
/** The stamps that influxd takes: the ends of int64 are its own marks. */
const STAMP_MIN = INT64_MIN + 2n;
const STAMP_MAX = INT64_MAX - 1n;

/**
 * Encodes a point. An empty tag is the same as none, and a value that is not finite is none, so both are left out.
 * What line protocol has no form for (a line break or an ending backslash in a name, a point without a field) is a fault.
 */
export function encodePoint(point: Point): EncodedPoint {
  if (point.measurement === '') return { fault: 'the measurement has no name' };
  if (!isWritable(point.measurement)) return { fault: `the measurement ${show(point.measurement)} cannot be written` };
  // A measurement needs no escape of `=`, but a backslash before one would be taken for it.
  let key = escapeName(point.measurement);
  // Sorted as the store keeps them, which spares it a sort.
  for (const name of Object.keys(point.tags).sort()) {
    const value = point.tags[name];
    if (value === undefined || value === null || value === '') continue;
    if (name === '' || !isWritable(name) || !isWritable(String(value)))
      return { fault: `the tag ${show(name)} cannot be written` };
    key += `,${escapeName(name)}=${escapeName(String(value))}`;
  }
  const fields: [string, string][] = [];
  for (const [name, value] of Object.entries(point.fields)) {
    const text = encodeValue(value);
    if (text === undefined) continue;
    if (name === '' || !isWritable(name)) return { fault: `the field ${show(name)} cannot be written` };
    fields.push([escapeName(name), text]);
  }
  if (fields.length === 0) return { fault: 'no field has a value' };
  if (point.timeNs < STAMP_MIN || point.timeNs > STAMP_MAX)
    return { fault: `the stamp ${point.timeNs} is out of range` };
  return { key, fields, stamp: point.timeNs.toString() };
}

/** One line, without a line break. */
export function lineOf(encoded: Exclude<EncodedPoint, { fault: string }>): string {
  return `${encoded.key} ${encoded.fields.map(([name, value]) => `${name}=${value}`).join(',')} ${encoded.stamp}`;
}

function encodeValue(value: Point['fields'][string] | null | undefined): string | undefined {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) ? String(value) : undefined;
    case 'bigint':
      return value >= INT64_MIN && value <= INT64_MAX ? `${value}i` : undefined;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'string':
      return quoteString(value);
    default:
      return undefined;
  }
}

/** A line break ends the line, and a backslash at the end would escape the separator that follows. */
function isWritable(name: string): boolean {
  return !/[\n\r]|\\$/.test(name);
}

function show(name: string): string {
  return JSON.stringify(name.slice(0, 80));
}
