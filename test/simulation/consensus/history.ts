import {
  checkHistory,
  explainHistory,
  type Operation,
  type StoreInput,
  type StoreOutput,
  storeModel,
} from '../linearizability/index.ts';
import { Violation } from '../violation.ts';

export type StoreOperation = Operation<StoreInput, StoreOutput>;

interface Begun {
  operation: StoreOperation;
  /** The highest revision that anybody had been told of when it began. */
  floor: number;
  atMs: number;
}

/** What the clients asked and were told, by a clock that counts calls and returns. */
export class History {
  readonly operations: StoreOperation[] = [];
  readonly #underWay = new Set<StoreOperation>();
  #lastChangeBegunMs = 0;
  #clock = 0;
  #revision = 0;

  begin(process: number, input: StoreInput, atMs: number): Begun {
    this.#clock += 1;
    const invokedAt = this.#clock;
    const operation = { process, input, output: undefined, invokedAt, returnedAt: invokedAt };
    this.#underWay.add(operation);
    return { operation, floor: this.#revision, atMs };
  }

  /** `revision` is the store's; revisions never go back in real time, and those of changes grow. */
  end({ operation, floor, atMs }: Begun, output: StoreOutput, revision: number): void {
    this.#clock += 1;
    this.#underWay.delete(operation);
    const { process, input, invokedAt } = operation;
    const isChange = input.op !== 'get' && output.revision !== 0;
    if (isChange ? revision <= floor : revision < floor) {
      const answer = storeModel.describe(input, output);
      throw new Violation(
        `client ${process} is told ${answer} at revision ${revision}, when ${floor} had been told before it asked`,
      );
    }
    this.#revision = Math.max(this.#revision, revision);
    if (input.op !== 'get') this.#lastChangeBegunMs = Math.max(this.#lastChangeBegunMs, atMs);
    this.operations.push({ process, input, output, invokedAt, returnedAt: this.#clock });
  }

  /** It has certainly had no effect. */
  refuse({ operation }: Begun): void {
    this.#underWay.delete(operation);
  }

  /** Nobody knows whether it took effect; of a read it is of no interest. */
  lose({ operation }: Begun): void {
    this.#underWay.delete(operation);
    if (operation.input.op !== 'get') this.operations.push(operation);
  }

  /** Whether a change that was begun after that time was answered. */
  hasChangedSince(atMs: number): boolean {
    return this.#lastChangeBegunMs > atMs;
  }

  check(stepsMax: number): 'linearizable' | 'unknown' {
    const operations = [...this.operations, ...[...this.#underWay].filter(({ input }) => input.op !== 'get')];
    const verdict = checkHistory(storeModel, operations, { stepsMax });
    if (verdict === 'not-linearizable') throw new Violation(explainHistory(storeModel, operations, { stepsMax }));
    return verdict;
  }
}
