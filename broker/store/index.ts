export { CommitQueue } from './commit-queue.ts';
export { openIncarnation } from './incarnation.ts';
export { BrokerStore, type Committed, type StoreOptions } from './store.ts';
