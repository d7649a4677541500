import { parentPort } from 'node:worker_threads';
import { PARTS } from './parts.ts';
import type { FaultProfile } from './world/faults/index.ts';

export interface Job {
  part: string;
  seed: number;
  profile: FaultProfile;
}

export interface JobDone extends Job {
  violation: string | undefined;
  events: number;
  counts: Record<string, number>;
}

parentPort?.on('message', (jobs: Job[]) => {
  const done = jobs.map(({ part, seed, profile }): JobDone => {
    const { violation, events, counts } = (PARTS[part] as (typeof PARTS)[string])({ seed, profile });
    return { part, seed, profile, violation, events, counts };
  });
  parentPort?.postMessage(done);
});
