import fc from 'fast-check';
import type {
  ConfState,
  Entry,
  HardState,
  Message,
  MessageType,
  SnapshotMetadata,
} from '../../../../gateway/consensus/raft/types.ts';

export const number = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat());
/** Buffers, since what is decoded is one: toEqual tells them from other arrays of bytes. */
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));
const ids = fc.array(number, { maxLength: 7 });

export const entry: fc.Arbitrary<Entry> = fc.record({
  term: number,
  index: number,
  type: fc.constantFrom('EntryNormal', 'EntryConfChange', 'EntryConfChangeV2'),
  data: bytes,
});

export const hardState: fc.Arbitrary<HardState> = fc.record({ term: number, vote: number, commit: number });

export const confState: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  learners: ids,
  votersOutgoing: ids,
  learnersNext: ids,
  autoLeave: fc.boolean(),
});

export const snapshotMetadata: fc.Arbitrary<SnapshotMetadata> = fc.record({ confState, index: number, term: number });

const REMOTE_TYPES: MessageType[] = ['MsgApp', 'MsgAppResp', 'MsgVote', 'MsgSnap', 'MsgHeartbeat', 'MsgForgetLeader'];
const fields = {
  type: fc.constantFrom<MessageType>('MsgHup', 'MsgStorageAppend', 'MsgStorageApplyResp', ...REMOTE_TYPES),
  to: number,
  from: number,
  term: number,
  logTerm: number,
  index: number,
  entries: fc.array(entry, { maxLength: 4 }),
  commit: number,
  vote: number,
  reject: fc.boolean(),
  rejectHint: number,
};
const requiredKeys = Object.keys(fields) as (keyof typeof fields)[];
const optional = { snapshot: fc.record({ metadata: snapshotMetadata, data: bytes }), context: bytes };
const response: fc.Arbitrary<Message> = fc.record({ ...fields, ...optional }, { requiredKeys });

export const message: fc.Arbitrary<Message> = fc.record(
  { ...fields, ...optional, responses: fc.array(response, { maxLength: 3 }) },
  { requiredKeys },
);
