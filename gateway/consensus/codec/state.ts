import { type ByteReader, ByteWriter } from '../../../core/bytes/index.ts';
import type { ConfState, HardState, NodeId, SnapshotMetadata } from '../raft/types.ts';
import { decodeWhole } from './fault.ts';

export function encodeHardState({ term, vote, commit }: HardState): Buffer {
  const writer = new ByteWriter();
  writer.varint(term);
  writer.varint(vote);
  writer.varint(commit);
  return writer.written();
}

/** Throws PEER_FRAME_INVALID. */
export function decodeHardState(bytes: Uint8Array): HardState {
  return decodeWhole(bytes, (reader) => ({ term: reader.varint(), vote: reader.varint(), commit: reader.varint() }));
}

export function encodeConfState(confState: ConfState): Buffer {
  const writer = new ByteWriter();
  writeConfState(writer, confState);
  return writer.written();
}

/** Throws PEER_FRAME_INVALID. */
export function decodeConfState(bytes: Uint8Array): ConfState {
  return decodeWhole(bytes, readConfState);
}

export function encodeSnapshotMetadata(metadata: SnapshotMetadata): Buffer {
  const writer = new ByteWriter();
  writeSnapshotMetadata(writer, metadata);
  return writer.written();
}

/** Throws PEER_FRAME_INVALID. */
export function decodeSnapshotMetadata(bytes: Uint8Array): SnapshotMetadata {
  return decodeWhole(bytes, readSnapshotMetadata);
}

export function writeSnapshotMetadata(writer: ByteWriter, { confState, index, term }: SnapshotMetadata): void {
  writer.varint(index);
  writer.varint(term);
  writeConfState(writer, confState);
}

/** Throws the reader's fault. */
export function readSnapshotMetadata(reader: ByteReader): SnapshotMetadata {
  const index = reader.varint();
  const term = reader.varint();
  return { confState: readConfState(reader), index, term };
}

function writeConfState(writer: ByteWriter, confState: ConfState): void {
  writer.byte(confState.autoLeave ? 1 : 0);
  writeIds(writer, confState.voters);
  writeIds(writer, confState.learners);
  writeIds(writer, confState.votersOutgoing);
  writeIds(writer, confState.learnersNext);
}

function readConfState(reader: ByteReader): ConfState {
  const autoLeave = reader.flag();
  const voters = readIds(reader);
  const learners = readIds(reader);
  const votersOutgoing = readIds(reader);
  return { voters, learners, votersOutgoing, learnersNext: readIds(reader), autoLeave };
}

function writeIds(writer: ByteWriter, ids: readonly NodeId[]): void {
  writer.list(ids, (_, id) => writer.varint(id));
}

function readIds(reader: ByteReader): NodeId[] {
  return reader.list(() => reader.varint());
}
