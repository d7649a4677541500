import type { Model } from '../types.ts';

export type KvInput =
  | { op: 'get'; key: string }
  | { op: 'put'; key: string; value: string }
  | { op: 'append'; key: string; value: string };

/** Of a get the value, '' for a key that was never written; of the others ''. */
export type KvOutput = string;

/** Keys that start as '' and can be appended to. */
export const kvModel: Model<string, KvInput, KvOutput> = {
  initial: () => '',
  step(state, input, output) {
    switch (input.op) {
      case 'get':
        return output === undefined || output === state ? state : undefined;
      case 'put':
        return input.value;
      case 'append':
        return state + input.value;
    }
  },
  isObservation: ({ op }) => op === 'get',
  fingerprint: (state) => state,
  partition: (input) => input.key,
  describe(input, output) {
    if (input.op === 'get') return `get ${input.key} -> ${output === undefined ? '?' : JSON.stringify(output)}`;
    return `${input.op} ${input.key} ${JSON.stringify(input.value)} -> ${output === undefined ? '?' : 'ok'}`;
  },
};
