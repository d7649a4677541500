export { GroupNode } from './group-node.ts';
export type { Group, GroupEvents, GroupNodeDeps, GroupNodeOptions } from './types.ts';
