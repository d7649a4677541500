export { decodeEntry, encodeEntry, readEntry, writeEntry } from './entry.ts';
export { decodeMessage, encodeMessage } from './message.ts';
export {
  decodeConfState,
  decodeHardState,
  decodeSnapshotMetadata,
  encodeConfState,
  encodeHardState,
  encodeSnapshotMetadata,
  readSnapshotMetadata,
  writeSnapshotMetadata,
} from './state.ts';
