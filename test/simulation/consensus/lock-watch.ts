import { Violation } from '../violation.ts';

/** Who may believe that they hold the lock. */
export interface Holder {
  readonly id: number;
  /** By the holder's own clock, now. */
  believesToHold(): boolean;
}

/** Watches a lock from outside: two must never believe at once that they hold it, and the resource must not go back. */
export class LockWatch {
  readonly #holders: Holder[] = [];
  readonly #owners = new Map<number, number>();
  #highest = 0;
  admitted = 0;
  refused = 0;

  add(holder: Holder): void {
    this.#holders.push(holder);
  }

  /** Somebody has got the lock, or holds it for longer. */
  believes(holder: Holder, token: number): void {
    const owner = this.#owners.get(token);
    if (owner !== undefined && owner !== holder.id)
      throw new Violation(`token ${token} is given to ${owner} and ${holder.id}`);
    this.#owners.set(token, holder.id);
    const other = this.#holders.find((one) => one !== holder && one.believesToHold());
    if (other !== undefined) {
      throw new Violation(`client ${holder.id} gets the lock by token ${token} while client ${other.id} holds it`);
    }
  }

  /** The resource has let a deed happen. */
  admits(token: number): void {
    this.admitted += 1;
    if (token < this.#highest) throw new Violation(`the resource admits token ${token} after token ${this.#highest}`);
    this.#highest = token;
  }

  refuses(): void {
    this.refused += 1;
  }
}
