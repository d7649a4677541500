export { type AnyConfChange, asConfChangeV2 } from './conf-change.ts';
export { decodeConfChange, encodeConfChange } from './conf-change-data.ts';
export type { LogLevel, LogSink, RaftConfig, ReadOnlyOption } from './config.ts';
export {
  describeConfState,
  describeEntries,
  describeEntry,
  describeHardState,
  describeMessage,
  describeReady,
  describeSnapshot,
  describeSoftState,
  type EntryFormatter,
} from './describe.ts';
export { RaftError, type RaftFault, RaftInvariantError } from './errors.ts';
export { MemoryStorage } from './log/index.ts';
export { isLocalTarget } from './message.ts';
export { RawNode } from './raw-node.ts';
export type { Ready } from './ready.ts';
export { entriesBytes, entryBytes, NO_LIMIT } from './size.ts';
export type { BasicStatus, Status } from './status.ts';
export type { Progress, ProgressState, TrackerConfig } from './tracker/index.ts';
export {
  type ConfChange,
  type ConfChangeSingle,
  type ConfChangeTransition,
  type ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  type EntryType,
  type HardState,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type MessageType,
  NONE,
  type NodeId,
  type ReadState,
  type Role,
  type Snapshot,
  type SnapshotMetadata,
  type SoftState,
  type Storage,
  StorageError,
  type StorageFault,
} from './types.ts';
