export { checkHistory, explainHistory } from './check.ts';
export { type KvInput, type KvOutput, kvModel } from './models/kv.ts';
export { type RegisterInput, type RegisterOutput, registerModel } from './models/register.ts';
export { type StoreInput, type StoreOutput, type StoreState, storeModel } from './models/store.ts';
export type { CheckOptions, Model, Operation, Verdict } from './types.ts';
