/** More than can be under way: late replies to the last few are still good samples, only poor ones. */
const QUESTIONS_MAX = 8;

interface Question {
  nonce: bigint;
  sentMonotonicMs: number;
  isAnswered: boolean;
}

/**
 * The last few requests to one server. Each carries a random transmit stamp, which says nothing of our clock (draft-ietf-ntp-data-
 * minimization, section 4) and which a reply has to bring back as its origin stamp; each is answered once.
 */
export class Questions {
  #asked: Question[] = [];

  add(nonce: bigint, sentMonotonicMs: number): void {
    this.#asked = [...this.#asked, { nonce, sentMonotonicMs, isAnswered: false }].slice(-QUESTIONS_MAX);
  }

  /** The last one, if there is one, has got its answer. */
  get isLastAnswered(): boolean {
    return this.#asked.at(-1)?.isAnswered ?? true;
  }

  /** When the question that this origin stamp answers was sent; it is used up by this. */
  take(origin: bigint): { sentMonotonicMs: number } | { refused: 'unsolicited' | 'replay' | 'bogusOrigin' } {
    const question = this.#asked.find(({ nonce }) => nonce === origin);
    if (question === undefined) {
      return { refused: this.#asked.every(({ isAnswered }) => isAnswered) ? 'unsolicited' : 'bogusOrigin' };
    }
    if (question.isAnswered) return { refused: 'replay' };
    question.isAnswered = true;
    return question;
  }
}
