export { CommitQueue } from './commit-queue.ts';
export { openIncarnation, renewIncarnation } from './incarnation.ts';
export { BrokerStore, type Committed, type StoreOptions } from './store.ts';
