import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { DurableLog, LogGap } from '../../../core/log/index.ts';

export { payloadOf } from './payload.ts';

/** A folder on the real disk that goes with the test. */
export async function scratchFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lattice-log-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Everything that can be read, by position. */
export async function readAll(log: DurableLog, bytesMax = 300): Promise<Map<number, string>> {
  const all = new Map<number, string>();
  let position = log.firstPosition;
  for (;;) {
    const records = await log.read(position, bytesMax);
    if (records.length === 0) return all;
    for (const record of records) all.set(record.position, Buffer.from(record.payload).toString());
    position = records.at(-1)!.position + 1;
  }
}

export function positionsOf(gaps: readonly LogGap[]): number[] {
  return gaps.flatMap((gap) =>
    Array.from({ length: gap.toPosition - gap.fromPosition + 1 }, (_, index) => gap.fromPosition + index),
  );
}
