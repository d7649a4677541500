import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostService } from '../../../core/process/index.ts';

/** Stands for lattice.ts: a process that is ready at once and writes down when it starts and when it has stopped. */
const kind = process.argv[2] as string;
const note = (what: string): void => appendFileSync(process.env['FAKE_PROCESS_NOTES'] as string, `${what} ${kind}\n`);
const alive = setInterval(() => {}, 1_000);
await hostService(async () => {
  note('start');
  return {
    detail: {},
    async stop() {
      // Long enough for the next stage to overtake it if that did not wait.
      await sleep(30);
      note('stop');
      clearInterval(alive);
    },
  };
});
process.exit();
