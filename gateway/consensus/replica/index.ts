export { MemberBook } from './member-book.ts';
export { Replica, type ReplicaDeps } from './replica.ts';
export { joinSnapshot, splitSnapshot } from './snapshot-data.ts';
export type {
  Applied,
  LeaderDuties,
  Member,
  MemberChange,
  PersistBatch,
  Recovered,
  ReplicaEffect,
  ReplicaEvent,
  ReplicaOptions,
  ReplicaStatus,
  StateMachine,
} from './types.ts';
