import { type AnyConfChange, isLeaveJoint } from './conf-change.ts';
import { RaftInvariantError } from './errors.ts';
import type {
  ConfChange,
  ConfChangeSingle,
  ConfChangeTransition,
  ConfChangeType,
  ConfChangeV2,
  Entry,
  EntryType,
} from './types.ts';

/*
 * A change of the members as the data of a log entry. Numbers are 8 bytes, big-endian:
 *
 *   EntryConfChange     type (1)  node id (8)  context (the rest)
 *   EntryConfChangeV2   transition (1)  how many (4)  { type (1)  node id (8) }...  context (the rest)
 *
 * An EntryConfChangeV2 without data leaves a joint configuration: so it weighs nothing, and no bound refuses it.
 */

const TYPES: ConfChangeType[] = [
  'ConfChangeAddNode',
  'ConfChangeRemoveNode',
  'ConfChangeUpdateNode',
  'ConfChangeAddLearnerNode',
];

const TRANSITIONS: ConfChangeTransition[] = [
  'ConfChangeTransitionAuto',
  'ConfChangeTransitionJointImplicit',
  'ConfChangeTransitionJointExplicit',
];

const SINGLE_BYTES = 9;
const HEAD_BYTES = 5;
const NO_DATA = new Uint8Array(0);

/** Type and data of the entry that carries the change. */
export function encodeConfChange(change: AnyConfChange): { type: EntryType; data: Uint8Array } {
  if (!('changes' in change)) {
    const data = new Uint8Array(SINGLE_BYTES + change.context.length);
    writeSingle(viewOf(data), 0, change);
    data.set(change.context, SINGLE_BYTES);
    return { type: 'EntryConfChange', data };
  }
  if (isLeaveJoint(change) && change.context.length === 0) return { type: 'EntryConfChangeV2', data: NO_DATA };
  const contextAt = HEAD_BYTES + change.changes.length * SINGLE_BYTES;
  const data = new Uint8Array(contextAt + change.context.length);
  const view = viewOf(data);
  view.setUint8(0, TRANSITIONS.indexOf(change.transition));
  view.setUint32(1, change.changes.length);
  change.changes.forEach((single, at) => {
    writeSingle(view, HEAD_BYTES + at * SINGLE_BYTES, single);
  });
  data.set(change.context, contextAt);
  return { type: 'EntryConfChangeV2', data };
}

/** The change that an entry carries. Throws RaftInvariantError when it carries none: the log is not what was written. */
export function decodeConfChange({ type, data, index }: Entry): AnyConfChange {
  try {
    if (type === 'EntryConfChange') return decodeOne(data);
    if (type === 'EntryConfChangeV2') return decodeMany(data);
  } catch (error) {
    throw new RaftInvariantError(`entry ${index} holds no membership change: ${error}`);
  }
  throw new RaftInvariantError(`entry ${index} is an ${type}, not a membership change`);
}

function decodeOne(data: Uint8Array): ConfChange {
  return { ...readSingle(viewOf(data), 0), context: data.slice(SINGLE_BYTES) };
}

function decodeMany(data: Uint8Array): ConfChangeV2 {
  if (data.length === 0) return { transition: 'ConfChangeTransitionAuto', changes: [], context: NO_DATA };
  const view = viewOf(data);
  const count = view.getUint32(1);
  const changes: ConfChangeSingle[] = [];
  for (let at = 0; at < count; at++) changes.push(readSingle(view, HEAD_BYTES + at * SINGLE_BYTES));
  return {
    transition: known(TRANSITIONS, view.getUint8(0)),
    changes,
    context: data.slice(HEAD_BYTES + count * SINGLE_BYTES),
  };
}

function writeSingle(view: DataView, at: number, { type, nodeId }: ConfChangeSingle): void {
  view.setUint8(at, TYPES.indexOf(type));
  view.setBigUint64(at + 1, BigInt(nodeId));
}

function readSingle(view: DataView, at: number): ConfChangeSingle {
  return { type: known(TYPES, view.getUint8(at)), nodeId: Number(view.getBigUint64(at + 1)) };
}

function known<Name>(names: readonly Name[], number: number): Name {
  const name = names[number];
  if (name === undefined) throw new RangeError(`unknown number ${number}`);
  return name;
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}
