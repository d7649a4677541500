export { History } from './history.ts';
export { type MemberOptions, memberProgram, RunningMember } from './member.ts';
export { MemberDisk, type MemberDiskOptions } from './member-disk.ts';
export { Observer } from './observer.ts';
export { type SimulationOptions, simulate } from './simulation.ts';
export type { Ask, Outcome, Stored, Wire } from './types.ts';
