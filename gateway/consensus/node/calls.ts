import { type ErrorCode, LatticeError } from '../../../core/errors/index.ts';

/** Callers that wait for an effect of the replica, by the id of their request. */
export class Calls {
  readonly #waiting = new Map<string, { resolve: (answer: unknown) => void; reject: (error: LatticeError) => void }>();

  wait(id: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
    });
  }

  answer(id: string, answer: unknown): void {
    this.#waiting.get(id)?.resolve(answer);
    this.#waiting.delete(id);
  }

  refuse(id: string, code: ErrorCode, reason: string): void {
    this.#waiting.get(id)?.reject(new LatticeError(code, reason));
    this.#waiting.delete(id);
  }

  refuseAll(code: ErrorCode, reason: string): void {
    for (const id of [...this.#waiting.keys()]) this.refuse(id, code, reason);
  }
}
