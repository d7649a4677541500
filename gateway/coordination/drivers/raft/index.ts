export { GroupMachine, type RangeQuery, requestKey } from './group-machine.ts';
export { RaftCoordinator, type RaftCoordinatorDeps } from './raft-coordinator.ts';
