import type { Model } from '../types.ts';

export type RegisterInput =
  | { op: 'read' }
  | { op: 'write'; value: number }
  | { op: 'cas'; expected: number; value: number };

/** Of a read the value, null for nil; of a write and a compare-and-set whether it was done. */
export type RegisterOutput = number | null | boolean;

/** One register that starts as nil. */
export const registerModel: Model<number | null, RegisterInput, RegisterOutput> = {
  initial: () => null,
  step(state, input, output) {
    switch (input.op) {
      case 'read':
        return output === undefined || output === state ? state : undefined;
      case 'write':
        return input.value;
      case 'cas': {
        const isDone = state === input.expected;
        if (output !== undefined && output !== isDone) return undefined;
        return isDone ? input.value : state;
      }
    }
  },
  isObservation: ({ op }, output) => op === 'read' || (op === 'cas' && output === false),
  fingerprint: (state) => state ?? 'nil',
  describe(input, output) {
    const answer = output === undefined ? '?' : output === null ? 'nil' : String(output);
    switch (input.op) {
      case 'read':
        return `read -> ${answer}`;
      case 'write':
        return `write ${input.value} -> ${answer}`;
      case 'cas':
        return `cas ${input.expected} to ${input.value} -> ${answer}`;
    }
  },
};
