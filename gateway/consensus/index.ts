export { type Group, type GroupEvents, GroupNode, type GroupNodeDeps, type GroupNodeOptions } from './node/index.ts';
export type { Applied, LeaderDuties, Member, MemberChange, ReplicaStatus, StateMachine } from './replica/index.ts';
