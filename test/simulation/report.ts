import { PARTS } from './parts.ts';
import { describeFault, type FaultProfile, shrinkSchedule } from './world/faults/index.ts';

const SHRINK_RUNS_MAX = 300;
const LINES_MAX = 200;

/** A seed that failed, for somebody who has not seen the simulator before: what is wrong, by which faults, how it came to it. */
export function failureReport(part: string, seed: number, profile: FaultProfile): string {
  const run = PARTS[part] as (typeof PARTS)[string];
  const whole = run({ seed, profile });
  const least = shrinkSchedule(
    whole.faults,
    (faults) => run({ seed, profile, faults }).violation !== undefined,
    SHRINK_RUNS_MAX,
  );
  const lines: string[] = [];
  const { violation, virtualMs } = run({ seed, profile, faults: least, onLine: (line) => keepLast(lines, line) });
  return [
    `FAILED: ${part}, seed ${seed}, profile ${profile}`,
    whole.violation,
    '',
    `Of ${whole.faults.length} faults these ${least.length} are enough (ms, what):`,
    ...least.map((fault) => `${String(fault.atMs).padStart(8)}  ${describeFault(fault)}`),
    '',
    `With them, after ${virtualMs.toFixed(1)} ms: ${violation}`,
    `The last ${lines.length} lines of that run: virtual ms, the process (! is the world), what it did; -> sent to, <- got from.`,
    ...lines,
    '',
    `Again:  npm run simulate -- --part ${part} --seed ${seed} --seeds 1 --profile ${profile}`,
  ].join('\n');
}

function keepLast(lines: string[], line: string): void {
  lines.push(line);
  if (lines.length > LINES_MAX) lines.shift();
}
