export { FollowedTopics } from './followed-topics.ts';
export { groupBy, isAsk, partOf } from './frame.ts';
export { Inflow } from './inflow.ts';
export { Outflow } from './outflow.ts';
export type { Outlet } from './outflow-options.ts';
export { VolatileOutflow } from './volatile.ts';
