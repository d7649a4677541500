/**
 * Lets at most concurrencyMax connects be under way at once, first come first served. A thousand TCP and CONNECT
 * handshakes in one moment overflow listen queues and time out; a fleet shares one gate.
 */
export class ConnectGate {
  readonly #concurrencyMax: number;
  #underWay = 0;
  /** Bounded by the number of devices, since each waits at most once. */
  readonly #waiting: (() => void)[] = [];

  constructor(concurrencyMax: number) {
    this.#concurrencyMax = concurrencyMax;
  }

  /** Resolves when it is the caller's turn, with the function that ends the turn (safe twice). */
  async enter(): Promise<() => void> {
    if (this.#underWay >= this.#concurrencyMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#underWay++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      // The turn is handed over as it is, so that nobody can slip in between.
      if (next === undefined) this.#underWay--;
      else next();
    };
  }
}
