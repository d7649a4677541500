import { addExact, isNumeric } from '../arithmetic.ts';
import type { ResultValue } from '../result.ts';

export interface TimedValue {
  timeNs: bigint;
  value: ResultValue;
}

interface Known {
  timeNs: bigint;
  value: number | bigint;
}

export interface TransformOptions {
  unitNs: bigint;
  /** moving_average's points. */
  count: number;
}

type Transform = (points: readonly Known[], options: TransformOptions) => TimedValue[];

const TRANSFORMS: Readonly<Record<string, Transform>> = {
  derivative: (points, { unitNs }) => derivative(points, unitNs),
  non_negative_derivative: (points, { unitNs }) => notNegative(derivative(points, unitNs)),
  difference: (points) => difference(points),
  non_negative_difference: (points) => notNegative(difference(points)),
  moving_average: (points, { count }) => movingAverage(points, count),
  cumulative_sum: (points) => cumulativeSum(points),
  elapsed: (points, { unitNs }) => elapsed(points, unitNs),
};

export function isTransform(name: string): boolean {
  return Object.hasOwn(TRANSFORMS, name);
}

/** How many windows before the range a transform of windows needs, so that its first point has a predecessor. */
export function windowsBefore(name: string, count: number): number {
  return name === 'moving_average' ? count - 1 : name === 'cumulative_sum' ? 0 : 1;
}

/** Applies a transform to points in order of the statement; points without a number are passed over. */
export function transform(name: string, points: readonly TimedValue[], options: TransformOptions): TimedValue[] {
  const known = points.filter((point): point is Known => isNumeric(point.value));
  // elapsed looks at stamps alone, so it takes any type.
  const input = name === 'elapsed' ? points.filter((point) => point.value !== null) : known;
  return (TRANSFORMS[name] as Transform)(input as Known[], options);
}

/** Neighbours with different stamps; of several points with one stamp the first counts. */
function steps<T extends Known>(points: readonly T[]): [previous: T, current: T][] {
  const pairs: [T, T][] = [];
  let previous: T | undefined;
  for (const current of points) {
    if (previous !== undefined && previous.timeNs === current.timeNs) continue;
    if (previous !== undefined) pairs.push([previous, current]);
    previous = current;
  }
  return pairs;
}

function derivative(points: readonly Known[], unitNs: bigint): TimedValue[] {
  return steps(points).map(([previous, current]) => {
    const elapsedUnits = Number(current.timeNs - previous.timeNs) / Number(unitNs);
    return { timeNs: current.timeNs, value: (Number(current.value) - Number(previous.value)) / elapsedUnits };
  });
}

function difference(points: readonly Known[]): TimedValue[] {
  return steps(points).map(([previous, current]) => ({
    timeNs: current.timeNs,
    value: minus(current.value, previous.value),
  }));
}

function minus(a: number | bigint, b: number | bigint): number | bigint {
  return typeof a === 'number' && typeof b === 'number' ? a - b : addExact(BigInt(a), -BigInt(b));
}

function notNegative(points: TimedValue[]): TimedValue[] {
  return points.filter((point) => (point.value as number | bigint) >= 0);
}

function movingAverage(points: readonly Known[], count: number): TimedValue[] {
  const averages: TimedValue[] = [];
  let sum = 0;
  points.forEach((point, index) => {
    sum += Number(point.value);
    if (index >= count) sum -= Number((points[index - count] as Known).value);
    if (index >= count - 1) averages.push({ timeNs: point.timeNs, value: sum / count });
  });
  return averages;
}

function cumulativeSum(points: readonly Known[]): TimedValue[] {
  let sum: number | bigint = 0;
  return points.map((point) => {
    const isFloat = typeof sum === 'number' && typeof point.value === 'number';
    sum = isFloat ? (sum as number) + (point.value as number) : addExact(sum, point.value);
    return { timeNs: point.timeNs, value: sum };
  });
}

function elapsed(points: readonly Known[], unitNs: bigint): TimedValue[] {
  return points.slice(1).map((point, index) => ({
    timeNs: point.timeNs,
    value: Number((point.timeNs - (points[index] as Known).timeNs) / unitNs),
  }));
}
