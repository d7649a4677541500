import { LatticeError } from '../../../../core/errors/index.ts';
import { durationAt } from './duration.ts';
import { compileGoRegex } from './regex.ts';

export type Token = { start: number; text: string } & (
  | { type: 'end' }
  /** A name without quotes; `word` is its upper case, to be compared with keywords. */
  | { type: 'word'; word: string }
  | { type: 'name'; value: string }
  | { type: 'string'; value: string }
  | { type: 'number'; value: number }
  | { type: 'integer'; value: bigint }
  | { type: 'duration'; ns: bigint }
  | { type: 'symbol' }
);

const BLANK = /(?:\s+|--[^\n]*|\/\*[\s\S]*?\*\/)*/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const NUMBER = /\d+\.\d*|\.\d+|\d+/y;
const SYMBOL = /=~|!~|!=|<>|<=|>=|::|[-+*/%&|^=<>(),;.]/y;

/** Splits a text into tokens, one at a time, since `/` starts a regular expression only where a value may stand. */
export class Lexer {
  readonly #text: string;
  #at = 0;
  #peeked: Token | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  peek(): Token {
    this.#peeked ??= this.#scan();
    return this.#peeked;
  }

  next(): Token {
    const token = this.peek();
    this.#peeked = undefined;
    return token;
  }

  /** A regular expression, if one starts here. Throws QUERY_SYNTAX. */
  regex(): RegExp | undefined {
    const { start, text } = this.peek();
    if (text !== '/') return undefined;
    let end = start + 1;
    while (end < this.#text.length && this.#text[end] !== '/') end += this.#text[end] === '\\' ? 2 : 1;
    if (end >= this.#text.length) throw this.fault('found EOF, expected regex', start);
    const source = this.#text.slice(start + 1, end).replaceAll('\\/', '/');
    this.#at = end + 1;
    this.#peeked = undefined;
    return this.#compile(source, start);
  }

  fault(message: string, at: number): LatticeError {
    const before = this.#text.slice(0, at);
    const line = before.split('\n').length;
    const char = at - before.lastIndexOf('\n');
    return new LatticeError('QUERY_SYNTAX', `error parsing query: ${message} at line ${line}, char ${char}`);
  }

  #compile(source: string, start: number): RegExp {
    try {
      return compileGoRegex(source);
    } catch (error) {
      throw this.fault(`error parsing regexp: ${(error as Error).message}`, start);
    }
  }

  #scan(): Token {
    this.#match(BLANK);
    const start = this.#at;
    const char = this.#text[start];
    if (char === undefined) return { type: 'end', start: start + 1, text: 'EOF' };
    if (char === '"' || char === "'") return this.#quoted(char, start);
    const word = this.#match(WORD);
    if (word !== undefined) return { type: 'word', word: word.toUpperCase(), start, text: word };
    const duration = durationAt(this.#text, start);
    if (duration !== undefined) {
      this.#at = duration.end;
      return { type: 'duration', ns: duration.ns, start, text: this.#text.slice(start, duration.end) };
    }
    const number = this.#match(NUMBER);
    if (number !== undefined) {
      if (/^\d+$/.test(number)) return { type: 'integer', value: BigInt(number), start, text: number };
      return { type: 'number', value: Number(number), start, text: number };
    }
    const symbol = this.#match(SYMBOL);
    if (symbol === undefined) throw this.fault(`found ${char}, expected identifier, string, number, bool`, start);
    return { type: 'symbol', start, text: symbol };
  }

  #quoted(quote: string, start: number): Token {
    let value = '';
    let at = start + 1;
    for (; at < this.#text.length && this.#text[at] !== quote; at++) {
      const char = this.#text[at] as string;
      if (char === '\n') break;
      if (char !== '\\') {
        value += char;
        continue;
      }
      const escaped = this.#text[++at];
      if (escaped === 'n') value += '\n';
      else if (escaped === '\\' || escaped === '"' || escaped === "'") value += escaped;
      else throw this.fault(`found \\${escaped ?? ''}, expected identifier, string, number, bool`, at - 1);
    }
    if (this.#text[at] !== quote) throw this.fault(`found ${value}, expected ${quote}`, start);
    this.#at = at + 1;
    return { type: quote === '"' ? 'name' : 'string', value, start, text: value };
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match[0];
  }
}
