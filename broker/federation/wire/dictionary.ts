import type { ByteWriter } from '../../../core/bytes/index.ts';
import type { BodyReader } from './body-reader.ts';
import { linkProtocolError } from './protocol.ts';

/**
 * Texts that a link carries again and again (topics, names) cross once and are known by a number from then on. Both ends
 * count alike: the n-th text that was given an alias has the alias n. A reference is a varint:
 *
 *   0      the text follows, and gets no alias
 *   1      the text follows, and gets the next alias
 *   n + 2  the text with the alias n
 *
 * Both ends hold the same bounds. When one is reached the sender goes on without aliases and begins anew with its next frame.
 */
export const ALIASES_MAX = 65_536;
/** UTF-8 bytes of all texts of one dictionary. */
export const DICTIONARY_BYTES_MAX = 4 * 1024 * 1024;

const PLAIN = 0;
const DEFINES = 1;
const FIRST_ALIAS = 2;

export class DictionaryWriter {
  readonly #aliasesMax: number;
  readonly #aliases = new Map<string, number>();
  #bytes = 0;
  /** Whether a text found no room since the last reset. */
  isFull = false;

  constructor(aliasesMax: number) {
    this.#aliasesMax = Math.min(aliasesMax, ALIASES_MAX);
  }

  reset(): void {
    this.#aliases.clear();
    this.#bytes = 0;
    this.isFull = false;
  }

  write(text: string, into: ByteWriter): void {
    const alias = this.#aliases.get(text);
    if (alias !== undefined) {
      into.varint(alias);
      return;
    }
    const bytes = Buffer.byteLength(text);
    const fits = this.#aliases.size < this.#aliasesMax && this.#bytes + bytes <= DICTIONARY_BYTES_MAX;
    into.byte(fits ? DEFINES : PLAIN);
    into.text(text);
    if (fits) {
      this.#aliases.set(text, FIRST_ALIAS + this.#aliases.size);
      this.#bytes += bytes;
    } else {
      this.isFull = true;
    }
  }
}

export class DictionaryReader {
  readonly #textBytesMax: number;
  readonly #check: (text: string) => void;
  #texts: string[] = [];
  #bytes = 0;

  /** `check` throws LINK_PROTOCOL for a text that may not stand here; it is asked once for each text that is carried. */
  constructor(textBytesMax: number, check: (text: string) => void) {
    this.#textBytesMax = textBytesMax;
    this.#check = check;
  }

  reset(): void {
    this.#texts = [];
    this.#bytes = 0;
  }

  /** Throws LINK_PROTOCOL. */
  read(from: BodyReader): string {
    const reference = from.varint();
    if (reference >= FIRST_ALIAS) {
      const known = this.#texts[reference - FIRST_ALIAS];
      if (known === undefined) throw linkProtocolError(`An unknown alias, ${reference - FIRST_ALIAS}.`);
      return known;
    }
    const text = from.text(this.#textBytesMax);
    this.#check(text);
    if (reference === DEFINES) {
      this.#bytes += Buffer.byteLength(text);
      if (this.#texts.length >= ALIASES_MAX || this.#bytes > DICTIONARY_BYTES_MAX)
        throw linkProtocolError('More aliases than a dictionary holds.');
      this.#texts.push(text);
    }
    return text;
  }
}
