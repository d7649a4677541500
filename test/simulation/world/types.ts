import type { Random } from '../../../core/random/index.ts';
import type { Timer } from '../../../core/time/index.ts';

/*
 * What a program that is simulated sees: events in, and a machine to act on. Production's pure cores run here behind an
 * adapter that turns their effects into calls of the machine.
 */

/** Of a process in a world: 1, 2, … in the order in which they were added. */
export type ProcessId = number;

export type ProcessEvent<Message> =
  | { type: 'message'; from: ProcessId; message: Message }
  /** `timer` is what setTimer was given. */
  | { type: 'timer'; timer: number }
  /** All requests to the disk up to that ticket that have not failed are on the disk, whatever happens. */
  | { type: 'diskDone'; upTo: number }
  /** All requests up to that ticket that were not done before had no effect. After EIO it is not known what a crash would leave. */
  | { type: 'diskFailed'; upTo: number; code: 'ENOSPC' | 'EIO' };

/** One life of a process: made when it starts, forgotten when it crashes. */
export interface Program<Message> {
  onEvent(event: ProcessEvent<Message>): void;
}

/** Starts a program from what the disk has kept; nothing, the first time. */
export type Boot<Message, Stored> = (machine: Machine<Message, Stored>, disk: DiskContents<Stored>) => Program<Message>;

export interface DiskContents<Stored> {
  checkpoint: Kept<Stored> | undefined;
  /** Number of the first record; they are counted from 0 over all lives. */
  firstRecord: number;
  records: readonly Kept<Stored>[];
}

export interface Kept<Stored> {
  value: Stored;
  /** False when a checksum would not match: torn by a power cut, or corrupted. The value must not be used then. */
  isIntact: boolean;
}

export interface Machine<Message, Stored> {
  readonly id: ProcessId;
  readonly random: Random;
  /** Since the start of this life, by this machine's clock. It goes on while the process is paused. */
  monotonicMs(): number;
  /** Since 1970, as this machine believes. */
  wallMs(): number;
  /** The event `timer` after delayMs by this machine's monotonic clock. */
  setTimer(delayMs: number, timer: number): Timer;
  send(to: ProcessId, message: Message): void;
  /** Puts the record behind the others; returns the ticket of the request. Requests are carried out in order, those that wait together with one fsync. */
  append(record: Stored, bytes: number): number;
  /** Replaces the checkpoint, whole or not at all, and then drops the records before that number. Returns the ticket. */
  saveCheckpoint(value: Stored, bytes: number, firstRecord: number): number;
  /** Drops the records from that number on, such as a torn one at the end. Returns the ticket. */
  truncate(endRecord: number): number;
  /** Ends this life, as a process does that cannot go on; the world starts it again later. */
  exit(reason: string): void;
  /** Puts two numbers into the hash of the trace: what the program did must be the same in a replay, not only when. */
  mark(first: number, second: number): void;
  /** A line of the trace; the text is made only when somebody reads it. */
  trace(text: () => string): void;
}
