import { Violation } from './violation.ts';
import type { Fault, FaultProfile } from './world/faults/index.ts';
import type { World } from './world/index.ts';

/** What one run of a simulation is given: everything follows from the seed and the profile. */
export interface RunOptions {
  seed: string | number;
  profile: FaultProfile;
  /** Instead of those that follow from the seed. */
  faults?: readonly Fault[];
  onLine?: (line: string) => void;
}

export interface RunResult {
  /** What went wrong; undefined when nothing did. */
  violation: string | undefined;
  faults: readonly Fault[];
  /** The same for two runs that did the same. */
  hash: string;
  events: number;
  virtualMs: number;
  counts: Record<string, number>;
}

/** What is thrown in the run, as text and as the last line of the trace; a member that throws has broken an invariant of its own. */
export function violationOf<Message, Stored>(world: World<Message, Stored>, run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    const violation = error instanceof Violation ? error.message : `a process stops: ${(error as Error).stack}`;
    world.trace.line(world.nowMs, '!', () => `VIOLATION: ${violation}`);
    return violation;
  }
}
