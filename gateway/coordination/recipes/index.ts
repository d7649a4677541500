export { Election, type Leader, type Leadership } from './election.ts';
export { Fence, type TokenStore } from './fence.ts';
export { claimFence, fencedTransaction, isHolder } from './fenced.ts';
export { type HeldLock, Lock, lockPrefix } from './lock.ts';
export { type RecipeDeps, retrying } from './retry.ts';
export { Session, type SessionOptions } from './session.ts';
export type { TurnOptions } from './turn.ts';
