import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import {
  decodeConfState,
  decodeEntry,
  decodeHardState,
  decodeMessage,
  decodeSnapshotMetadata,
  encodeConfState,
  encodeEntry,
  encodeHardState,
  encodeMessage,
  encodeSnapshotMetadata,
} from '../../../../gateway/consensus/codec/index.ts';
import type { Message } from '../../../../gateway/consensus/raft/types.ts';
import { confState, entry, hardState, message, snapshotMetadata } from './arbitraries.ts';

const HEARTBEAT: Message = {
  type: 'MsgHeartbeat',
  to: 2,
  from: 1,
  term: 7,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 90,
  vote: 0,
  reject: false,
  rejectHint: 0,
};

function faultOf(decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): string | undefined {
  try {
    decode(bytes);
    return undefined;
  } catch (error) {
    return codeOf(error);
  }
}

const CODECS = [
  { name: 'an entry', values: entry, encode: encodeEntry, decode: decodeEntry },
  { name: 'a hard state', values: hardState, encode: encodeHardState, decode: decodeHardState },
  { name: 'a configuration', values: confState, encode: encodeConfState, decode: decodeConfState },
  {
    name: "a snapshot's metadata",
    values: snapshotMetadata,
    encode: encodeSnapshotMetadata,
    decode: decodeSnapshotMetadata,
  },
  { name: 'a message', values: message, encode: encodeMessage, decode: decodeMessage },
] as {
  name: string;
  values: fc.Arbitrary<unknown>;
  encode(value: unknown): Buffer;
  decode(bytes: Uint8Array): unknown;
}[];

describe.each(CODECS)('$name', ({ values, encode, decode }) => {
  it('comes back as it was', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value))).toEqual(value);
      }),
    );
  });

  it('that is cut short anywhere, or goes on, is PEER_FRAME_INVALID', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encode(value);
        for (let length = 0; length < bytes.length; length++) {
          expect(faultOf(decode, bytes.subarray(0, length)), `the first ${length} bytes`).toBe('PEER_FRAME_INVALID');
        }
        expect(faultOf(decode, Buffer.concat([bytes, Buffer.of(0)]))).toBe('PEER_FRAME_INVALID');
      }),
      { numRuns: 50 },
    );
  });

  it('of random bytes, or with some changed, is a value or PEER_FRAME_INVALID', () => {
    const changed = fc
      .tuple(values, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 }))
      .map(([value, changes]) => {
        const bytes = Buffer.from(encode(value));
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), changed), (bytes) => {
        expect([undefined, 'PEER_FRAME_INVALID']).toContain(faultOf(decode, bytes));
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('the codec of messages', () => {
  it('writes a heartbeat in 11 bytes', () => {
    expect(encodeMessage(HEARTBEAT)).toHaveLength(11);
  });

  it('takes no memory for what is claimed and not there', () => {
    // The count of entries stands last in a heartbeat; then a length of 2^53 - 1.
    const most = [255, 255, 255, 255, 255, 255, 255, 15];
    const claims = Buffer.concat([encodeMessage(HEARTBEAT).subarray(0, -1), Buffer.from([...most, 0, 1, 1, ...most])]);
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 1_000; round++) expect(faultOf(decodeMessage, claims)).toBe('PEER_FRAME_INVALID');
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1_000_000);
  });

  it('refuses responses within responses', () => {
    const nested = { ...HEARTBEAT, responses: [{ ...HEARTBEAT, responses: [HEARTBEAT] }] };
    expect(() => encodeMessage(nested)).toThrow('responses of its own');
    const once = encodeMessage({ ...HEARTBEAT, responses: [{ ...HEARTBEAT, context: Buffer.of(0) }] });
    // The response's flags stand 13 bytes in: a list of responses instead of a context.
    const twice = Buffer.from(once);
    twice[13] = 8;
    expect(faultOf(decodeMessage, twice)).toBe('PEER_FRAME_INVALID');
  });

  it('names the numbers that raftpb has for the types', () => {
    expect(encodeMessage({ ...HEARTBEAT, type: 'MsgForgetLeader' })[0]).toBe(23);
    expect(encodeMessage({ ...HEARTBEAT, type: 'MsgPreVote' })[0]).toBe(17);
    expect(encodeEntry({ type: 'EntryConfChangeV2', term: 1, index: 1, data: Buffer.alloc(0) })[0]).toBe(2);
  });
});
