import type { Fault } from './types.ts';

/**
 * A schedule that still fails, made as small as so many runs allow: first faults are left out, in halves, quarters and so on
 * down to single ones (Zeller and Hildebrandt 2002, "Simplifying and isolating failure-inducing input"), then those that
 * remain are made shorter.
 */
export function shrinkSchedule(
  faults: readonly Fault[],
  fails: (faults: readonly Fault[]) => boolean,
  runsMax: number,
): Fault[] {
  let runsLeft = runsMax;
  const stillFails = (candidate: readonly Fault[]): boolean => {
    if (runsLeft === 0) return false;
    runsLeft -= 1;
    return fails(candidate);
  };
  return shorten(leaveOut([...faults], stillFails), stillFails);
}

function leaveOut(faults: Fault[], stillFails: (faults: readonly Fault[]) => boolean): Fault[] {
  let rest = faults;
  for (let size = Math.ceil(rest.length / 2); rest.length > 0; ) {
    const before = rest.length;
    for (let start = 0; start < rest.length; ) {
      const candidate = rest.toSpliced(start, size);
      if (stillFails(candidate)) rest = candidate;
      else start += size;
    }
    // Single ones are tried again as long as some can go: one may have needed another.
    if (size > 1) size = Math.ceil(size / 2);
    else if (rest.length === before) break;
  }
  return rest;
}

function shorten(faults: Fault[], stillFails: (faults: readonly Fault[]) => boolean): Fault[] {
  let rest = faults;
  for (let index = 0; index < rest.length; index++) {
    for (let fault = rest[index]!; 'forMs' in fault && fault.forMs > 1; fault = rest[index]!) {
      const candidate = rest.with(index, { ...fault, forMs: Math.floor(fault.forMs / 2) });
      if (!stillFails(candidate)) break;
      rest = candidate;
    }
  }
  return rest;
}
