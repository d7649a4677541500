import type { Clock } from '../../../core/time/index.ts';
import type { RpcLimits } from './limits.ts';

interface Kept {
  method: string;
  answer: Buffer;
  finishedAtMs: number;
}

/**
 * The answers to one peer that it may not have got: a request that comes again gets the same one. An answer goes when the
 * peer says that it has it, and by age; never to make room.
 */
export class Answers {
  readonly #clock: Clock;
  readonly #limits: RpcLimits;
  /** In the order in which they were finished. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;

  constructor(clock: Clock, limits: RpcLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get count(): number {
    return this.#kept.size;
  }

  /** Whether there is room for the answers of `running` requests and one more. */
  hasRoom(running: number): boolean {
    this.#expire();
    return (
      this.#kept.size + running < this.#limits.answersPerPeerMax && this.#bytes < this.#limits.answerBytesPerPeerMax
    );
  }

  of(id: string): { method: string; answer: Buffer } | undefined {
    this.#expire();
    return this.#kept.get(id);
  }

  keep(id: string, method: string, answer: Buffer): void {
    this.#kept.set(id, { method, answer, finishedAtMs: this.#clock.monotonicMs() });
    this.#bytes += answer.length;
  }

  drop(id: string): void {
    this.#bytes -= this.#kept.get(id)?.answer.length ?? 0;
    this.#kept.delete(id);
  }

  #expire(): void {
    const oldestMs = this.#clock.monotonicMs() - this.#limits.answerAgeMsMax;
    for (const [id, { finishedAtMs }] of this.#kept) {
      if (finishedAtMs > oldestMs) return;
      this.drop(id);
    }
  }
}
