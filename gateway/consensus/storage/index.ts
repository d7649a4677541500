export { openRaftStorage, type RaftStorage } from './raft-storage.ts';
export { decodeRecord, encodeRecord, type LogRecord } from './records.ts';
export { Replay } from './replay.ts';
