import type { Model } from '../types.ts';

/** Calls of the port Coordinator on single keys. A cas is the transaction "if modRevision = expectedRevision then put". */
export type StoreInput =
  | { op: 'get'; key: string }
  | { op: 'put'; key: string; value: string }
  | { op: 'delete'; key: string }
  | { op: 'cas'; key: string; expectedRevision: number; value: string };

export interface StoreOutput {
  /** The store's after a change, 0 when nothing was changed; of a get the key's modRevision, 0 for a key that is not there. */
  revision: number;
  /** Of a get only. */
  value?: string;
  /** Of a get only. */
  version?: number;
}

/** What the answers so far tell of one key. Revisions are of the whole store, so those of one key grow with gaps. */
export interface StoreState {
  value: string;
  /** 0 when the key is not there. */
  version: number;
  /** Of the last change of the key; undefined after one whose answer was lost, until another answer shows it. */
  revision: number | undefined;
  /** The least that it can be. */
  revisionMin: number;
  /** What it cannot be though it is more than that: a cas that expected it was refused. */
  excluded: readonly number[];
}

/** Keys with revisions, as etcd and our store have them. */
export const storeModel: Model<StoreState, StoreInput, StoreOutput> = {
  initial: () => ({ value: '', version: 0, revision: 0, revisionMin: 0, excluded: [] }),
  step(state, input, output) {
    switch (input.op) {
      case 'get':
        return output === undefined ? state : afterGet(state, output);
      case 'put':
        return changed(state, { value: input.value, version: state.version + 1 }, output?.revision);
      case 'delete':
        if (state.version === 0) return (output?.revision ?? 0) === 0 ? state : undefined;
        return output?.revision === 0 ? undefined : changed(state, { value: '', version: 0 }, output?.revision);
      case 'cas':
        return afterCas(state, input, output);
    }
  },
  isObservation: ({ op }, { revision }) => op === 'get' || revision === 0,
  fingerprint: ({ value, version, revision, revisionMin, excluded }) =>
    `${version} ${revision ?? '?'} ${revisionMin} ${excluded.join()} ${value}`,
  partition: (input) => input.key,
  describe(input, output) {
    const { op, key, ...asked } = input;
    const answer = output === undefined ? '?' : JSON.stringify(output);
    return `${op} ${key} ${Object.keys(asked).length === 0 ? '' : `${JSON.stringify(asked)} `}-> ${answer}`;
  },
};

function afterGet(state: StoreState, { value, version, revision }: StoreOutput): StoreState | undefined {
  if ((version ?? 0) !== state.version || (value ?? '') !== state.value) return undefined;
  if (state.version === 0) return revision === 0 ? state : undefined;
  return withRevision(state, revision);
}

function afterCas(
  state: StoreState,
  { expectedRevision, value }: Extract<StoreInput, { op: 'cas' }>,
  output: StoreOutput | undefined,
): StoreState | undefined {
  const matching =
    state.version === 0 ? (expectedRevision === 0 ? state : undefined) : withRevision(state, expectedRevision);
  const isRefused = output?.revision === 0;
  if (matching !== undefined && !isRefused) {
    return changed(matching, { value, version: state.version + 1 }, output?.revision);
  }
  if (matching === undefined) return isRefused || output === undefined ? state : undefined;
  // It could have been the expected one, and was not.
  if (state.version === 0 || state.revision !== undefined) return undefined;
  return excluding(state, expectedRevision);
}

/** The state once the revision is known to be that, if it can be. */
function withRevision(state: StoreState, revision: number): StoreState | undefined {
  if (state.revision !== undefined) return state.revision === revision ? state : undefined;
  if (revision < state.revisionMin || state.excluded.includes(revision)) return undefined;
  return { ...state, revision, revisionMin: revision, excluded: [] };
}

function excluding(state: StoreState, revision: number): StoreState {
  const excluded = new Set([...state.excluded, revision]);
  let { revisionMin } = state;
  while (excluded.delete(revisionMin)) revisionMin += 1;
  return { ...state, revisionMin, excluded: [...excluded].toSorted((one, other) => one - other) };
}

function changed(
  state: StoreState,
  to: { value: string; version: number },
  revision: number | undefined,
): StoreState | undefined {
  if (revision === undefined) return { ...to, revision, revisionMin: state.revisionMin + 1, excluded: [] };
  return revision > state.revisionMin ? { ...to, revision, revisionMin: revision, excluded: [] } : undefined;
}
