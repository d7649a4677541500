/**
 * How far the sequence numbers of requests under way may be apart: the agreed state remembers that many of a client, to carry out
 * each once. Whoever wants one more waits for the oldest.
 */
export class RequestWindow {
  readonly #sizeMax: number;
  readonly #underWay = new Set<number>();
  #waiting: (() => void)[] = [];

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** Resolves when a request may take the next number; the caller takes it at once. */
  async room(nextSequence: () => number): Promise<void> {
    while (this.#isFull(nextSequence())) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  begin(sequence: number): void {
    this.#underWay.add(sequence);
  }

  end(sequence: number): void {
    this.#underWay.delete(sequence);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  #isFull(next: number): boolean {
    const [oldest] = this.#underWay;
    return oldest !== undefined && next - oldest >= this.#sizeMax;
  }
}
