import { unescapeName, unquoteString } from '../../line-protocol/index.ts';
import type { FieldType, FieldValue } from '../engine/types.ts';
import { isDigit, parseFloat64, parseInt64, parseStamp } from './numbers.ts';
import { parseSeriesKey } from './series-key.ts';

/** What the parser makes of a line. One object serves all lines of a body, so a sink must take out what it keeps. */
export interface ParsedLine {
  /** Measurement and tags as they stand in the line; not checked, since most lines repeat a key that is known. */
  key: string;
  names: string[];
  types: FieldType[];
  values: FieldValue[];
  /** In the request's unit. */
  stamp: bigint | undefined;
}

export interface LineSink {
  /** Returns what is wrong with the key, in influxd's words, if something is. */
  line(line: ParsedLine): string | undefined;
  malformed(message: string): void;
}

const TAB = 0x09;
const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const QUOTE = 0x22;
const HASH = 0x23;
const COMMA = 0x2c;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
const LOWER_I = 0x69;

/** `-`, `.`, and the N of NaN, which is refused as a number. */
const NUMBER_STARTS: readonly number[] = [0x2d, 0x2e, 0x4e, 0x6e];

const BOOLEANS = new Map<string, boolean>([
  ...['t', 'T', 'true', 'True', 'TRUE'].map((text): [string, boolean] => [text, true]),
  ...['f', 'F', 'false', 'False', 'FALSE'].map((text): [string, boolean] => [text, false]),
]);

/**
 * Parses InfluxDB line protocol on the bytes, line by line; a bad line does not touch the others.
 * https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/
 */
export function parseLines(bytes: Buffer, sink: LineSink): void {
  const line: ParsedLine = { key: '', names: [], types: [], values: [], stamp: undefined };
  let start = 0;
  while (start < bytes.length) {
    const from = skipBlanks(bytes, start, bytes.length);
    // Quotes in a comment mean nothing, and must not swallow the next line.
    const end = bytes[from] === HASH ? plainLineEnd(bytes, from) : lineEnd(bytes, from);
    let to = end;
    if (to > from && bytes[to - 1] === CARRIAGE_RETURN) to--;
    if (from < to && bytes[from] !== HASH) {
      const fault = parseLine(bytes, from, to, line) ?? sink.line(line);
      if (fault !== undefined) sink.malformed(`unable to parse '${bytes.toString('utf8', from, to)}': ${fault}`);
    }
    start = end + 1;
  }
}

/** Where the line ends: a line break inside the quotes of a string field belongs to the string. */
function lineEnd(bytes: Buffer, start: number): number {
  const end = plainLineEnd(bytes, start);
  const quote = bytes.indexOf(QUOTE, start);
  if (quote < 0 || quote >= end) return end;
  let inFields = false;
  let isQuoted = false;
  let equals = 0;
  let commas = 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH && at + 2 < bytes.length) at++;
    else if (byte === SPACE) inFields = true;
    else if (!inFields) {
      if (byte === NEWLINE) return at;
    } else if (!isQuoted && byte === EQUALS) equals++;
    else if (!isQuoted && byte === COMMA) commas++;
    else if (byte === QUOTE && equals > commas) isQuoted = !isQuoted;
    else if (byte === NEWLINE && !isQuoted) return at;
  }
  return bytes.length;
}

function plainLineEnd(bytes: Buffer, start: number): number {
  const found = bytes.indexOf(NEWLINE, start);
  return found < 0 ? bytes.length : found;
}

function parseLine(bytes: Buffer, start: number, end: number, line: ParsedLine): string | undefined {
  const keyEnd = unescaped(bytes, SPACE, start, end);
  line.key = bytes.toString('utf8', start, keyEnd);
  if (bytes[start] === COMMA) return 'missing measurement';
  const fieldsStart = skipBlanks(bytes, keyEnd, end);
  if (fieldsStart === end) {
    const key = parseSeriesKey(line.key);
    if (typeof key === 'string') return key;
    return keyEnd === end ? 'missing fields' : 'invalid field format';
  }
  line.names.length = 0;
  line.types.length = 0;
  line.values.length = 0;
  let at = fieldsStart;
  for (;;) {
    const next = parseField(bytes, at, end, line);
    if (typeof next === 'string') return next;
    at = next;
    if (at === end || bytes[at] === SPACE) break;
    at++;
  }
  return parseTail(bytes, skipBlanks(bytes, at, end), end, line);
}

/** Parses `name=value` and returns where it ends, or what is wrong. */
function parseField(bytes: Buffer, start: number, end: number, line: ParsedLine): number | string {
  const nameEnd = fieldNameEnd(bytes, start, end);
  if (nameEnd === start) return bytes[start] === EQUALS ? 'missing field key' : 'invalid field format';
  if (bytes[nameEnd] !== EQUALS) return 'invalid field format';
  const valueStart = nameEnd + 1;
  if (valueStart >= end || bytes[valueStart] === COMMA || bytes[valueStart] === SPACE) return 'missing field value';
  line.names.push(unescapeName(bytes.toString('utf8', start, nameEnd)));
  if (bytes[valueStart] === QUOTE) return parseString(bytes, valueStart, end, line);
  let valueEnd = valueStart;
  while (valueEnd < end && bytes[valueEnd] !== COMMA && bytes[valueEnd] !== SPACE) valueEnd++;
  const fault = parseScalar(bytes, valueStart, valueEnd, line);
  return fault ?? valueEnd;
}

function fieldNameEnd(bytes: Buffer, start: number, end: number): number {
  let at = start;
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte === BACKSLASH) at++;
    else if (byte === EQUALS || byte === COMMA || byte === SPACE) break;
  }
  return Math.min(at, end);
}

function parseString(bytes: Buffer, start: number, end: number, line: ParsedLine): number | string {
  let at = start + 1;
  while (at < end && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? 2 : 1;
  if (at >= end) return 'unbalanced quotes';
  const after = at + 1;
  if (after < end && bytes[after] !== COMMA && bytes[after] !== SPACE) return 'invalid boolean';
  line.types.push('string');
  line.values.push(unquoteString(bytes.toString('utf8', start + 1, at)));
  return after;
}

function parseScalar(bytes: Buffer, start: number, end: number, line: ParsedLine): string | undefined {
  const first = bytes[start] as number;
  const looksNumeric = isDigit(first) || NUMBER_STARTS.includes(first);
  if (!looksNumeric) {
    const boolean = BOOLEANS.get(bytes.toString('latin1', start, end));
    if (boolean === undefined) return 'invalid boolean';
    line.types.push('boolean');
    line.values.push(boolean);
    return undefined;
  }
  if (bytes[end - 1] === LOWER_I) {
    const integer = parseInt64(bytes, start, end - 1);
    if (integer === 'syntax') return 'invalid number';
    if (integer === 'range') {
      const text = bytes.toString('latin1', start, end - 1);
      return `unable to parse integer ${text}: strconv.ParseInt: parsing "${text}": value out of range`;
    }
    line.types.push('integer');
    line.values.push(integer);
    return undefined;
  }
  const float = parseFloat64(bytes, start, end);
  if (float === 'syntax') return 'invalid number';
  if (float === 'value') return 'invalid float';
  line.types.push('float');
  line.values.push(float);
  return undefined;
}

function parseTail(bytes: Buffer, start: number, end: number, line: ParsedLine): string | undefined {
  line.stamp = undefined;
  if (start === end) return undefined;
  const stampEnd = unescaped(bytes, SPACE, start, end);
  const stamp = parseStamp(bytes, start, stampEnd);
  if (stamp === 'syntax') return 'bad timestamp';
  if (skipBlanks(bytes, stampEnd, end) !== end) return 'point is invalid';
  if (stamp === 'range') {
    return `strconv.ParseInt: parsing "${bytes.toString('latin1', start, stampEnd)}": value out of range`;
  }
  line.stamp = stamp;
  return undefined;
}

function unescaped(bytes: Buffer, wanted: number, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== wanted) at += bytes[at] === BACKSLASH ? 2 : 1;
  return Math.min(at, end);
}

function skipBlanks(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && (bytes[at] === SPACE || bytes[at] === TAB || bytes[at] === 0)) at++;
  return at;
}
