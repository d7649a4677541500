export { FollowedTopics } from './followed-topics.ts';
export { groupBy, isAsk, partOf } from './frame.ts';
export { Inflow } from './inflow.ts';
export { Outflow, type Outlet } from './outflow.ts';
export { VolatileOutflow } from './volatile.ts';
