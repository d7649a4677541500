/** A process that appends to the log in the folder argv[2] and prints each acknowledged position, until it is killed. */
import { writeSync } from 'node:fs';
import { openLog } from '../../../core/log/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { payloadOf } from './payload.ts';

const directory = process.argv[2]!;
const log = await openLog({ directory, segmentBytes: 64 * 1024 }, { clock: systemClock });
const cursor = await log.cursor('reader');
writeSync(1, `open ${log.nextPosition}\n`);

async function publish(): Promise<never> {
  for (;;) {
    const position = await log.append(payloadOf(log.nextPosition, 100));
    writeSync(1, `${position}\n`);
    cursor.advance(position - 50);
  }
}
await Promise.all(Array.from({ length: 20 }, publish));
