import { LatticeError } from '../../core/errors/index.ts';
import type { MetricValue } from '../../core/wire/index.ts';

/** One line of InfluxDB line protocol, https://docs.influxdata.com/influxdb/v1/write_protocols/line_protocol_reference/ */
export interface Line {
  measurement: string;
  tags: Map<string, string>;
  fields: Map<string, MetricValue>;
  /** Nanoseconds since 1970, if the line has them. */
  timeNs: bigint | undefined;
}

const INTEGER = /^-?\d+[iu]$/;
const FLOAT = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/;
const TRUE = new Set(['t', 'T', 'true', 'True', 'TRUE']);
const FALSE = new Set(['f', 'F', 'false', 'False', 'FALSE']);

/** Throws LINE_PROTOCOL, which says what is wrong and where. */
export function parseLine(text: string): Line {
  const scanner = new Scanner(text);
  const measurement = scanner.until(', ');
  if (measurement === '') throw fault('no measurement at the start');
  const tags = new Map<string, string>();
  while (scanner.skip(',')) {
    const key = scanner.until('=, ');
    if (key === '' || !scanner.skip('=')) throw fault(`tag without a value at character ${scanner.position}`);
    tags.set(key, scanner.until(', ='));
  }
  scanner.skipSpaces();
  const fields = new Map<string, MetricValue>();
  do {
    const key = scanner.until('=, ');
    if (key === '' || !scanner.skip('=')) throw fault(`field without a value at character ${scanner.position}`);
    fields.set(key, fieldValue(key, scanner));
  } while (scanner.skip(','));
  scanner.skipSpaces();
  return { measurement, tags, fields, timeNs: timeOf(scanner.rest().trim()) };
}

function fieldValue(key: string, scanner: Scanner): MetricValue {
  if (scanner.skip('"')) return scanner.quoted();
  const text = scanner.until(', ');
  if (INTEGER.test(text)) return Number(text.slice(0, -1));
  if (FLOAT.test(text)) return Number(text);
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw fault(`"${text.slice(0, 40)}" is no value of field "${key.slice(0, 40)}"`);
}

function timeOf(text: string): bigint | undefined {
  if (text === '') return undefined;
  if (!/^-?\d{1,19}$/.test(text)) throw fault(`"${text.slice(0, 40)}" is no time stamp in nanoseconds`);
  return BigInt(text);
}

function fault(detail: string): LatticeError {
  return new LatticeError('LINE_PROTOCOL', `${detail}.`);
}

class Scanner {
  readonly #text: string;
  position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads up to one of the delimiters; a backslash takes a delimiter as it is. */
  until(delimiters: string): string {
    let out = '';
    for (; this.position < this.#text.length; this.position++) {
      let character = this.#text[this.position] as string;
      const next = this.#text[this.position + 1];
      if (character === '\\' && next !== undefined && ',= '.includes(next)) {
        this.position++;
        character = next;
      } else if (delimiters.includes(character)) {
        break;
      }
      out += character;
    }
    return out;
  }

  /** Reads a string up to its closing quote; only quote and backslash are escaped in it. */
  quoted(): string {
    let out = '';
    for (; this.position < this.#text.length; this.position++) {
      const character = this.#text[this.position] as string;
      const next = this.#text[this.position + 1];
      if (character === '"') {
        this.position++;
        return out;
      }
      if (character === '\\' && (next === '"' || next === '\\')) {
        out += next;
        this.position++;
      } else {
        out += character;
      }
    }
    throw fault('a string is not closed');
  }

  skip(character: string): boolean {
    if (this.#text[this.position] !== character) return false;
    this.position++;
    return true;
  }

  skipSpaces(): void {
    while (this.skip(' '));
  }

  rest(): string {
    return this.#text.slice(this.position);
  }
}
