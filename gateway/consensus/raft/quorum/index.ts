export { JointConfig } from './joint.ts';
export { MajorityConfig } from './majority.ts';
export { NodeSet } from './node-set.ts';
export type { AckedIndex, VoteResult } from './types.ts';
