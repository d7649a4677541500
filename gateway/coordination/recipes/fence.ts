import { LatticeError } from '../../../core/errors/index.ts';

const WAITING_MAX_DEFAULT = 1_000;

/** Where a resource keeps the highest token that it has seen: as durable as the resource itself. */
export interface TokenStore {
  /** 0 when there is none. */
  load(): Promise<number>;
  /** Resolves when the token would be found again after a power cut. */
  save(token: number): Promise<void>;
}

/**
 * Stands before a resource and refuses who comes with an older token than the resource has seen (M. Kleppmann, "How to do
 * distributed locking", 2016). One fence per resource: two that share a store would not see each other's tokens.
 */
export class Fence {
  readonly #store: TokenStore;
  readonly #waitingMax: number;
  #highest: number;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #refused = 0;

  /** Use Fence.open(). */
  private constructor(store: TokenStore, highest: number, waitingMax: number) {
    this.#store = store;
    this.#highest = highest;
    this.#waitingMax = waitingMax;
  }

  /** `waitingMax`: deeds that wait for the one under way; one more is COORDINATION_REJECTED. */
  static async open(
    store: TokenStore,
    { waitingMax = WAITING_MAX_DEFAULT }: { waitingMax?: number } = {},
  ): Promise<Fence> {
    return new Fence(store, await store.load(), waitingMax);
  }

  get highestToken(): number {
    return this.#highest;
  }

  /** Deeds that were turned away since the start, for an older token or for want of room. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Does the deed when no newer token was seen. One deed at a time, so that none of an older holder is under way when one of
   * a newer begins. Rejects with FENCED, with what the store rejects with (then nothing was done), or with what the deed does.
   */
  async run<T>(token: number, deed: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#waitingMax) {
      this.#refused++;
      throw new LatticeError('COORDINATION_REJECTED', `${this.#waiting} deeds wait before the fence already.`);
    }
    this.#waiting++;
    const done = this.#last.then(async () => {
      this.#waiting--;
      await this.#admit(token);
      return deed();
    });
    this.#last = done.catch(() => {});
    return done;
  }

  async #admit(token: number): Promise<void> {
    if (token < this.#highest) {
      this.#refused++;
      throw new LatticeError('FENCED', `Token ${token} is older than ${this.#highest}.`);
    }
    if (token === this.#highest) return;
    await this.#store.save(token);
    this.#highest = token;
  }
}
