export { MemoryStorage } from './memory-storage.ts';
export { RaftLog } from './raft-log.ts';
