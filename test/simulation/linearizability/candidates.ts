import type { Operation } from './types.ts';

/** Index of no entry. */
export const NONE = -1;

/**
 * What has not been linearized yet, as Wing and Gong keep it: the calls and returns of the completed operations in one
 * doubly linked list by time. The calls before the first return are those that may come next. Operations of unknown outcome
 * never return, so they would be in the way at every step: they have a list of their own, by the time of their call.
 */
export class Candidates {
  /** Entry 2i is the call of operation i and 2i + 1 its return; the last entry is the head. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #head: number;
  readonly #operations: readonly Operation<unknown, unknown>[];

  /** Operations in the order of their calls. */
  constructor(operations: readonly Operation<unknown, unknown>[]) {
    this.#operations = operations;
    this.#head = 2 * operations.length;
    this.#next = new Int32Array(this.#head + 2).fill(NONE);
    this.#previous = new Int32Array(this.#head + 2).fill(NONE);
    const completed: number[] = [];
    const unknown: number[] = [];
    operations.forEach(({ output }, index) => {
      if (output === undefined) unknown.push(2 * index);
      else completed.push(2 * index, 2 * index + 1);
    });
    // At the same instant calls come first: such operations overlap.
    completed.sort((one, other) => this.#timeOf(one) - this.#timeOf(other) || (one & 1) - (other & 1) || one - other);
    this.#link(this.#head, completed);
    this.#link(this.#head + 1, unknown);
  }

  /** The first call or return of a completed operation; NONE when all are linearized. */
  first(): number {
    return this.#next[this.#head]!;
  }

  firstUnknown(): number {
    return this.#next[this.#head + 1]!;
  }

  next(entry: number): number {
    return this.#next[entry]!;
  }

  /** Whether that operation of unknown outcome had begun when the completed one returned. */
  hadBegun(unknownEntry: number, returnEntry: number): boolean {
    return this.#timeOf(unknownEntry) <= this.#timeOf(returnEntry);
  }

  take(callEntry: number): void {
    this.#unlink(callEntry);
    if (this.#operations[callEntry >> 1]!.output !== undefined) this.#unlink(callEntry + 1);
  }

  /** Undoes the last take(). */
  putBack(callEntry: number): void {
    if (this.#operations[callEntry >> 1]!.output !== undefined) this.#relink(callEntry + 1);
    this.#relink(callEntry);
  }

  #timeOf(entry: number): number {
    const { invokedAt, returnedAt } = this.#operations[entry >> 1]!;
    return (entry & 1) === 0 ? invokedAt : returnedAt;
  }

  #link(head: number, entries: number[]): void {
    let last = head;
    for (const entry of entries) {
      this.#next[last] = entry;
      this.#previous[entry] = last;
      last = entry;
    }
  }

  #unlink(entry: number): void {
    const next = this.#next[entry]!;
    const previous = this.#previous[entry]!;
    this.#next[previous] = next;
    if (next !== NONE) this.#previous[next] = previous;
  }

  /** An entry keeps its neighbours when it is taken out, so taking back in the opposite order restores the list (Knuth's dancing links). */
  #relink(entry: number): void {
    const next = this.#next[entry]!;
    this.#next[this.#previous[entry]!] = entry;
    if (next !== NONE) this.#previous[next] = entry;
  }
}
