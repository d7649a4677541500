import type { ErrorCode } from '../../../core/errors/index.ts';
import type { Snapshot } from '../../../gateway/consensus/raft/index.ts';
import type { MemberChange } from '../../../gateway/consensus/replica/index.ts';
import type { Request } from '../../../gateway/coordination/state/index.ts';
import type { Consistency } from '../../../gateway/coordination/types.ts';

/** What goes over the network of a simulated group. */
export type Wire =
  /** A message of Raft's, encoded as between gateways. */
  | { kind: 'raft'; bytes: Uint8Array }
  /** A MsgSnap goes as a stream whose end the receiver confirms. */
  | { kind: 'snapshot'; stream: number; bytes: Uint8Array }
  | { kind: 'snapshotTaken'; stream: number }
  /** The machine of a process that ended refuses connections. */
  | { kind: 'refused' }
  | { kind: 'ask'; call: number; ask: Ask }
  | { kind: 'answer'; call: number; outcome: Outcome }
  /** A deed at the resource that the lock protects, and whether it was admitted. */
  | { kind: 'deed'; call: number; token: number }
  | { kind: 'deedDone'; call: number; isAdmitted: boolean };

/** What a client asks a member for. */
export type Ask =
  | { op: 'propose'; request: Request; timeoutMs: number }
  | { op: 'read'; key: string; consistency: Consistency; timeoutMs: number }
  | { op: 'members'; changes: MemberChange[]; timeoutMs: number }
  | { op: 'transfer'; to: string };

export type Outcome = { ok: true; answer: unknown } | { ok: false; code: ErrorCode; reason: string };

/** What a member's disk keeps: a snapshot as the checkpoint, encoded records as the log. */
export type Stored = { snapshot: Snapshot } | { record: Uint8Array };

/** The process is the gateway of that name, whatever id the group gives it. */
export const nameOf = (process: number): string => `gw${process}`;
export const addressOf = (name: string): string => `${name}:7000`;
export const processOf = (name: string): number => Number(name.slice(2));
