import type { Random } from '../../../core/random/index.ts';
import { type Clock, delay } from '../../../core/time/index.ts';

/**
 * Blocks the event loop half of the time, for lengths between the two, until the signal aborts. It sleeps rather than computes, so that
 * members on few cores are blocked for as long as they should be, and not each other's time taken.
 */
export async function blockHalfOfTheTime(
  { msMin, msMax }: { msMin: number; msMax: number },
  { clock, random, signal }: { clock: Clock; random: Random; signal: AbortSignal },
): Promise<void> {
  const cell = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const draw = (): number => msMin + random.next() * (msMax - msMin);
  while (!signal.aborted) {
    Atomics.wait(cell, 0, 0, draw());
    await delay(clock, draw(), signal);
  }
}
