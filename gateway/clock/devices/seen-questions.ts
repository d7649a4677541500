const QUESTIONS_MAX = 8_192;

/**
 * The latest questions, so that one that comes again is known. Beyond the bound the oldest is forgotten, and would be answered again: with
 * the time of then, which its asker has no use for, and in no more bytes than it came in.
 */
export class SeenQuestions {
  readonly #seen = new Set<string>();

  /** Whether it is new; from now on it is not. */
  admit(device: string, id: string): boolean {
    const name = `${device}/${id}`;
    if (this.#seen.has(name)) return false;
    const [oldest] = this.#seen;
    if (this.#seen.size >= QUESTIONS_MAX && oldest !== undefined) this.#seen.delete(oldest);
    this.#seen.add(name);
    return true;
  }
}
