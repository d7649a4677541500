import { compareKeys } from './keys.ts';

const CHUNK_ITEMS_MAX = 512;

/**
 * Items found by their key, and walked in the order of the keys' UTF-8 bytes. The order is kept in chunks of at most 512
 * items, so that an insert moves a few hundred references and not a million.
 */
export class KeyIndex<Item extends { readonly key: string }> {
  readonly #byKey = new Map<string, Item>();
  /** No chunk is empty. */
  readonly #chunks: Item[][] = [];

  get(key: string): Item | undefined {
    return this.#byKey.get(key);
  }

  /** Adds an item whose key is not there yet. */
  add(item: Item): void {
    this.#byKey.set(item.key, item);
    const at = this.#chunkOf(item.key);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push([item]);
      return;
    }
    chunk.splice(positionOf(chunk, item.key), 0, item);
    if (chunk.length > CHUNK_ITEMS_MAX) this.#chunks.splice(at + 1, 0, chunk.splice(splitAt(chunk, item)));
  }

  delete(key: string): void {
    if (!this.#byKey.delete(key)) return;
    const at = this.#chunkOf(key);
    const chunk = this.#chunks[at]!;
    chunk.splice(positionOf(chunk, key), 1);
    if (chunk.length === 0) this.#chunks.splice(at, 1);
  }

  /** Every item whose key is not below `key`, in order. The index may not be changed meanwhile. */
  *from(key: string): Generator<Item> {
    const first = this.#chunkOf(key);
    for (let at = first; at < this.#chunks.length; at++) {
      const chunk = this.#chunks[at]!;
      for (let position = at === first ? positionOf(chunk, key) : 0; position < chunk.length; position++) {
        yield chunk[position]!;
      }
    }
  }

  /** Index of the last chunk that begins at or below the key; 0 when none does. */
  #chunkOf(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#chunks[middle]![0]!.key, key) <= 0) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

/** Where the key is in a chunk, or would be. */
function positionOf(chunk: readonly { readonly key: string }[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareKeys(chunk[middle]!.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Keys that come in order (a restore, numbered keys) leave full chunks behind them; others are cut in the middle. */
function splitAt<Item>(chunk: readonly Item[], added: Item): number {
  return chunk.at(-1) === added ? chunk.length - 1 : chunk.length >>> 1;
}
