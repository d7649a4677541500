import { LatticeError } from '../../../../core/errors/index.ts';
import type { Page } from './ast.ts';
import { Lexer, type Token } from './lexer.ts';

/** Names that must stand in quotes when they are meant as names. */
const RESERVED = new Set(
  `ALL ALTER ANY AS ASC BEGIN BY CREATE CONTINUOUS DATABASE DATABASES DEFAULT DELETE DESC DESTINATIONS DIAGNOSTICS
   DISTINCT DROP DURATION END EVERY EXPLAIN FIELD FOR FROM FUTURE GRANT GRANTS GROUP GROUPS IN INF INSERT INTO KEY KEYS KILL
   LIMIT SHOW MEASUREMENT MEASUREMENTS NAME OFFSET ON ORDER PASSWORD PAST POLICY POLICIES PRIVILEGES QUERIES QUERY READ
   REPLICATION RESAMPLE RETENTION REVOKE SELECT SERIES SET SHARD SHARDS SLIMIT SOFFSET STATS SUBSCRIPTION SUBSCRIPTIONS
   TAG TO USER USERS VALUES WHERE WITH WRITE AND OR TRUE FALSE`.split(/\s+/),
);
/** Grafana and people write these as names all the time, and influxd takes them in that place. */
RESERVED.delete('NAME');

/** Tokens in order, and the small forms that every part of the parser needs. */
export class Cursor {
  readonly #lexer: Lexer;

  constructor(text: string) {
    this.#lexer = new Lexer(text);
  }

  peek(): Token {
    return this.#lexer.peek();
  }

  next(): Token {
    return this.#lexer.next();
  }

  regex(): RegExp | undefined {
    return this.#lexer.regex();
  }

  /** Takes the next token if it is one of the words. */
  takeWord(...words: string[]): string | undefined {
    const token = this.peek();
    if (token.type !== 'word' || !words.includes(token.word)) return undefined;
    this.next();
    return token.word;
  }

  takeSymbol(...symbols: string[]): string | undefined {
    const token = this.peek();
    if (token.type !== 'symbol' || !symbols.includes(token.text)) return undefined;
    this.next();
    return token.text;
  }

  expectWord(...words: string[]): string {
    return this.takeWord(...words) ?? this.fail(...words);
  }

  expectSymbol(symbol: string): void {
    if (this.takeSymbol(symbol) === undefined) this.fail(symbol);
  }

  isName(): boolean {
    const token = this.peek();
    return token.type === 'name' || (token.type === 'word' && !RESERVED.has(token.word));
  }

  /** A name, quoted or not. */
  expectName(): string {
    if (!this.isName()) this.fail('identifier');
    const token = this.next();
    return token.type === 'name' ? token.value : token.text;
  }

  expectInteger(): number {
    const token = this.peek();
    if (token.type !== 'integer') this.fail('integer');
    this.next();
    return Number(token.value);
  }

  /** 0 stands for ever. */
  expectDuration(): bigint {
    if (this.takeWord('INF') !== undefined) return 0n;
    const token = this.peek();
    if (token.type === 'integer' && token.value === 0n) {
      this.next();
      return 0n;
    }
    if (token.type !== 'duration') this.fail('duration');
    this.next();
    return token.ns;
  }

  /** `LIMIT n OFFSET m`, or the words for series. */
  page(limitWord: string, offsetWord: string): Page {
    const page = { limit: 0, offset: 0 };
    if (this.takeWord(limitWord) !== undefined) page.limit = this.expectInteger();
    if (this.takeWord(offsetWord) !== undefined) page.offset = this.expectInteger();
    return page;
  }

  /** Throws QUERY_SYNTAX about the next token. */
  fail(...expected: string[]): never {
    const token = this.peek();
    throw this.#lexer.fault(`found ${token.text}, expected ${expected.join(', ')}`, token.start);
  }

  /** Throws QUERY_SYNTAX in words of its own. */
  failWith(message: string): never {
    throw new LatticeError('QUERY_SYNTAX', `error parsing query: ${message}`);
  }
}

/** Throws QUERY_UNSUPPORTED, which names the word. */
export function unsupported(word: string): never {
  throw new LatticeError('QUERY_UNSUPPORTED', `${word} is not supported by the embedded store`);
}
