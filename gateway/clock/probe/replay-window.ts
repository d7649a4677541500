const WINDOW = 64;

/** Which of the last 64 sequences of one sender came already, as IPsec's anti-replay window (RFC 4303, section 3.4.3). */
export class ReplayWindow {
  #highest = -1;
  /** Bit n: highest - n has come. */
  #seen = 0n;

  /** Takes a sequence; false when it came before, or lies so far back that nobody knows. */
  take(sequence: number): boolean {
    const ahead = sequence - this.#highest;
    if (ahead > 0) {
      this.#seen = ahead < WINDOW ? BigInt.asUintN(WINDOW, (this.#seen << BigInt(ahead)) | 1n) : 1n;
      this.#highest = sequence;
      return true;
    }
    if (-ahead >= WINDOW) return false;
    const bit = 1n << BigInt(-ahead);
    if ((this.#seen & bit) !== 0n) return false;
    this.#seen |= bit;
    return true;
  }
}
