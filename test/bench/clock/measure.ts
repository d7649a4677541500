import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { delay, systemClock } from '../../../core/time/index.ts';
import { startBroker } from './broker.ts';
import type { PathCase } from './cases.ts';
import { type ClockError, errorsOf } from './errors.ts';
import type { ClockFaults } from './member-spec.ts';
import { ClockSite } from './site.ts';

export interface Extent {
  /** From when all members know mesh time. */
  settleMs: number;
  measureMs: number;
}

/** What the members of one case were off by, all together. */
export interface PathResult {
  the: PathCase;
  errors: ClockError[];
  faults: ClockFaults[];
}

/** Members tell what they have once a second. */
const TOLD_MS = 1_100;
const MASTER = 'gw-1';
/** Wall clocks of machines that nobody has set well. */
const MEMBERS = [
  { name: MASTER, wallAheadMs: 6 },
  { name: 'gw-2', wallAheadMs: -5 },
  { name: 'gw-3', wallAheadMs: 0 },
];

export async function measurePath(the: PathCase, { settleMs, measureMs }: Extent, parent: string): Promise<PathResult> {
  const folder = await mkdtemp(join(parent, `${the.name}-`));
  const broker = the.path === 'mqtt' ? await startBroker(folder) : undefined;
  try {
    const brokerUrl = broker === undefined ? {} : { brokerUrl: broker.url };
    const site = await ClockSite.start({ folder, path: the.path, members: MEMBERS, ...brokerUrl });
    try {
      site.lead(MASTER);
      await site.synchronised();
      site.block(the.isBlocked);
      await delay(systemClock, settleMs);
      const fromMs = systemClock.monotonicMs();
      await delay(systemClock, measureMs + TOLD_MS);
      const master = site.member(MASTER);
      const followers = site.members.filter((member) => member !== master);
      return {
        the,
        errors: followers.flatMap(({ samples }) => errorsOf(samples, master.samples, fromMs)),
        faults: site.members.map(({ faults }) => faults),
      };
    } finally {
      await site.stop();
    }
  } finally {
    await broker?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}
