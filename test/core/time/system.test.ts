import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../core/time/index.ts';

const CHILD = new URL('machine-clock-child.ts', import.meta.url);
const ROUNDS = 20;
/** Readings of two threads are ordered by the message between them; the clocks agree to about a microsecond. */
const SLACK_MS = 0.02;

function hrtimeMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1_000_000;
}

/** Asks for readings, each of which has to lie between two of ours. */
async function expectSameClock(ask: () => Promise<number>): Promise<void> {
  // The first answer takes as long as the start of the other side.
  await ask();
  for (let round = 0; round < ROUNDS; round++) {
    const beforeMs = systemClock.monotonicMs();
    const theirsMs = await ask();
    const afterMs = systemClock.monotonicMs();
    expect(theirsMs).toBeGreaterThan(beforeMs - SLACK_MS);
    expect(theirsMs).toBeLessThan(afterMs + SLACK_MS);
  }
}

describe("the machine's monotonic clock", () => {
  it('is process.hrtime in ms', () => {
    const errorsMs = Array.from({ length: 1_000 }, () => {
      const beforeMs = hrtimeMs();
      const readMs = systemClock.monotonicMs();
      const afterMs = hrtimeMs();
      return Math.max(beforeMs - readMs, readMs - afterMs, 0);
    });
    expect(Math.min(...errorsMs)).toBeLessThan(SLACK_MS);
    expect(errorsMs.filter((errorMs) => errorMs > SLACK_MS)).toEqual([]);
  });

  it('is the same in a worker thread', async () => {
    const worker = new Worker(CHILD);
    try {
      await expectSameClock(async () => {
        worker.postMessage('?');
        return (await once(worker, 'message'))[0];
      });
    } finally {
      await worker.terminate();
    }
  });

  it('is the same in another process', async () => {
    const child = fork(fileURLToPath(CHILD));
    try {
      await expectSameClock(async () => {
        child.send('?');
        return (await once(child, 'message'))[0];
      });
    } finally {
      child.kill('SIGKILL');
    }
  });
});
