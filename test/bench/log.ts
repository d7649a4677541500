/**
 * How fast the durable log takes, gives back and recovers records of 100 bytes.
 *
 *   node test/bench/log.ts [folder] [records]
 *
 * The folder should be on the disk that is to be measured; a folder of its own is made in it and removed.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog } from '../../core/log/index.ts';
import { systemClock } from '../../core/time/index.ts';

const [parent = tmpdir(), count = '1000000'] = process.argv.slice(2);
const records = Number(count);
const directory = await mkdtemp(join(parent, 'lattice-bench-log-'));
const payload = Buffer.alloc(100, 'x');
/** Appends that are under way at once, as of many publishers with a window each. */
const IN_FLIGHT = 16_384;

try {
  let groups = 0;
  const options = { directory, onGroup: () => groups++ };
  let log = await openLog(options, { clock: systemClock });

  let startMs = performance.now();
  let window: Promise<number>[] = [];
  let oldest: Promise<unknown> = Promise.resolve();
  for (let index = 0; index < records; index++) {
    window.push(log.append(payload));
    if (window.length === IN_FLIGHT / 2) {
      await oldest;
      oldest = Promise.all(window);
      window = [];
    }
  }
  await Promise.all([oldest, ...window]);
  report('append, pipelined, fdatasync', startMs, records);
  console.log(`  ${groups} groups of ${Math.round(records / groups)} records`);

  startMs = performance.now();
  for (let index = 0; index < 500; index++) await log.append(payload);
  report('append, one at a time', startMs, 500);

  startMs = performance.now();
  let position = 0;
  while (position < log.durablePosition) position = (await log.read(position, 256 * 1024)).at(-1)!.position + 1;
  report('read, 256 KiB a time', startMs, position);
  await log.close();

  startMs = performance.now();
  log = await openLog(options, { clock: systemClock });
  const seconds = report('recovery', startMs, log.nextPosition);
  console.log(`  ${Math.round(log.bytes / 1e6 / seconds)} MB/s`);
  await log.close();
} finally {
  await rm(directory, { recursive: true });
}

function report(what: string, startMs: number, done: number): number {
  const seconds = (performance.now() - startMs) / 1000;
  console.log(`${what}: ${Math.round(done / seconds)} records/s (${done} in ${seconds.toFixed(2)} s)`);
  return seconds;
}
