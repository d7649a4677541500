import type { ReadingAccount } from '../../core/wire/index.ts';
import type { LedgerTotals } from './ledger.ts';

/**
 * What became of the readings that were taken, counted where it happens, so that the account is a check and no mere
 * definition: what the ledger has taken and nobody stored, buffered or rejected is lost.
 */
export class Tally {
  stored: number;
  rejected: number;
  #buffered: number;

  constructor(start: { stored: number; rejected: number; buffered: number }) {
    this.stored = start.stored;
    this.rejected = start.rejected;
    this.#buffered = start.buffered;
  }

  get buffered(): number {
    return this.#buffered;
  }

  noteTaken(): void {
    this.#buffered++;
  }

  noteSettled(stored: number, rejected: number): void {
    this.stored += stored;
    this.rejected += rejected;
    this.#buffered -= stored + rejected;
  }

  /** The buffer has nothing more to give: what should still be in it was damaged. */
  noteDrained(): void {
    this.#buffered = 0;
  }

  account(totals: LedgerTotals, counters: { received: number; refused: number }): ReadingAccount {
    const { sent, taken, dropped, missing, unnumbered, duplicates } = totals;
    const buffered = Math.max(0, this.#buffered);
    const lost = Math.max(0, taken - this.stored - this.rejected - buffered);
    const { stored, rejected } = this;
    return { sent, stored, buffered, rejected, lost, dropped, missing, unnumbered, duplicates, ...counters };
  }
}
