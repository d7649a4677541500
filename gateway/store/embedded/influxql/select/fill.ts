import { LatticeError } from '../../../../../core/errors/index.ts';
import { isNumeric } from '../arithmetic.ts';
import type { Fill } from '../ast.ts';
import type { LeafPoint } from './leaf-points.ts';
import { nextWindow, type WindowSpec } from './windows.ts';

export interface FillRange {
  spec: WindowSpec;
  /** The first and the last window. */
  firstNs: bigint;
  lastNs: bigint;
  isDescending: boolean;
  bucketsMax: number;
}

/** Gives every window of the range a point, in order of the statement. */
export function fillWindows(points: readonly LeafPoint[], fill: Fill, range: FillRange): LeafPoint[] {
  const known = new Map(points.map((point) => [point.timeNs, point]));
  const starts = windowStarts(range);
  if (range.isDescending) starts.reverse();
  const filled: LeafPoint[] = [];
  for (const [index, timeNs] of starts.entries()) {
    const point = known.get(timeNs) ?? { timeNs, value: gapValue(fill, filled, starts, index, known) };
    filled.push(point);
  }
  return filled;
}

function windowStarts(range: FillRange): bigint[] {
  const starts: bigint[] = [];
  for (let at = range.firstNs; at <= range.lastNs; at = nextWindow(range.spec, at)) {
    starts.push(at);
    if (starts.length > range.bucketsMax) {
      throw new LatticeError('QUERY_LIMIT', `max-select-buckets limit exceeded: (more than ${range.bucketsMax})`);
    }
  }
  return starts;
}

function gapValue(
  fill: Fill,
  before: readonly LeafPoint[],
  starts: readonly bigint[],
  index: number,
  known: ReadonlyMap<bigint, LeafPoint>,
): LeafPoint['value'] {
  if (typeof fill === 'number') return fill;
  const previous = before.at(-1);
  if (fill === 'previous') return previous?.value ?? null;
  if (fill !== 'linear' || previous === undefined || !isNumeric(previous.value)) return null;
  // The line goes to the next window that has a value; those in between follow from the same ends.
  for (let next = index + 1; next < starts.length; next++) {
    const end = known.get(starts[next] as bigint);
    if (end === undefined) continue;
    if (!isNumeric(end.value)) return null;
    const step = Number((starts[index] as bigint) - previous.timeNs) / Number(end.timeNs - previous.timeNs);
    const value = Number(previous.value) + (Number(end.value) - Number(previous.value)) * step;
    return end.isInteger === true ? Math.trunc(value) : value;
  }
  return null;
}
