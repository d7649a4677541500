/** Costly tasks, a few at once and the others in a line of bounded length. Whoever finds it full has to come again. */
export class WorkLine {
  readonly #atOnceMax: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(options: { atOnceMax: number; waitingMax: number }) {
    this.#atOnceMax = options.atOnceMax;
    this.#waitingMax = options.waitingMax;
  }

  /** Runs the task when its turn comes; undefined, and nothing is run, when the line is full. */
  enter<Result>(task: () => Promise<Result>): Promise<Result> | undefined {
    const isFull = this.#running >= this.#atOnceMax && this.#waiting.length >= this.#waitingMax;
    return isFull ? undefined : this.#run(task);
  }

  async #run<Result>(task: () => Promise<Result>): Promise<Result> {
    if (this.#running < this.#atOnceMax) this.#running += 1;
    // Whoever ends hands his place to the next, so that nobody slips in between.
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}
