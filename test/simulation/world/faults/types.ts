import type { ProcessId } from '../types.ts';

/**
 * One thing that goes wrong at atMs. Those with forMs heal by themselves, so that any fault may be left out of a schedule, or
 * made shorter, and what remains is a schedule too.
 */
export type Fault = {
  atMs: number;
} /** The process ends and is started again. With `powerCut` its machine goes down too, and loses what was not synced. */ & (
  | { kind: 'crash'; process: ProcessId; powerCut: boolean; forMs: number }
  | { kind: 'pause'; process: ProcessId; forMs: number }
  /** In this direction only. */
  | { kind: 'cut'; from: ProcessId; to: ProcessId; forMs: number }
  /** Nothing passes between these and all others. */
  | { kind: 'partition'; side: ProcessId[]; forMs: number }
  /** What the process sends and is sent waits until the end, then all of it comes. */
  | { kind: 'clog'; process: ProcessId; forMs: number }
  /** Share of all messages, 0 to 1. */
  | { kind: 'loss' | 'duplication' | 'reordering'; rate: number; forMs: number }
  /** Every message takes so much longer, on average. */
  | { kind: 'slowNetwork'; byMs: number; forMs: number }
  | { kind: 'clockStep'; process: ProcessId; byMs: number }
  | { kind: 'clockDrift'; process: ProcessId; ppm: number; forMs: number }
  | { kind: 'slowDisk'; process: ProcessId; factor: number; forMs: number }
  | { kind: 'fullDisk' | 'diskErrors'; process: ProcessId; forMs: number }
  /** Of what is synced; seen when the process starts again. */
  | { kind: 'corruption'; process: ProcessId; what: 'record' | 'checkpoint' }
);

export type FaultKind = Fault['kind'];
