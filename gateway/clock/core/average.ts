/*
 * The fault-tolerant averages of Berkeley clock synchronisation, behind one name.
 *
 * `cluster` is that of Gusella and Zatti (1989, section 4): the largest set of clocks that lie within gamma of each other; a faulty clock
 * alone somewhere far away has no say. `median` is that of later versions of timed: machines of one model share an error, so the
 * commonest clock may be wrong. It takes the median of the trusted hosts (of all, when none are named) and averages what lies
 * within gamma of it.
 */

/** What the master knows of one clock, its own among them. */
export interface ClockReading {
  name: string;
  /** How far it is ahead of the master's, in ms. */
  offsetMs: number;
}

export interface AverageOptions {
  /** How far clocks that agree may be apart, in ms. */
  gammaMs: number;
  /** Names of clocks that are believed rather than others; empty: all alike. Only `median` looks at it. */
  trusted: readonly string[];
}

export interface Averaged {
  /** Of those that were accepted, ahead of the master's clock, in ms. */
  offsetMs: number;
  accepted: string[];
  rejected: string[];
}

export const AVERAGE_NAMES = ['cluster', 'median'] as const;
export type AverageName = (typeof AVERAGE_NAMES)[number];

/**
 * The average of the clocks that agree. Undefined when no majority does (for `median`: of the trusted ones that were read), since then
 * nobody can tell who is right.
 */
export function faultTolerantAverage(
  name: AverageName,
  readings: readonly ClockReading[],
  options: AverageOptions,
): Averaged | undefined {
  const sorted = readings.toSorted((a, b) => a.offsetMs - b.offsetMs || (a.name < b.name ? -1 : 1));
  const accepted = name === 'cluster' ? largestCluster(sorted, options) : nearMedian(sorted, options);
  if (accepted === undefined) return undefined;
  const names = accepted.map((reading) => reading.name);
  const offsetMs = accepted.reduce((sum, reading) => sum + reading.offsetMs, 0) / accepted.length;
  return { offsetMs, accepted: names, rejected: readings.map((one) => one.name).filter((one) => !names.includes(one)) };
}

/** The middle of the offsets, for want of a majority that agrees. NaN of none. */
export function medianOf(offsets: readonly number[]): number {
  const sorted = offsets.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle] as number;
  return ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function largestCluster(sorted: ClockReading[], { gammaMs }: AverageOptions): ClockReading[] | undefined {
  let best: ClockReading[] = [];
  let from = 0;
  for (let to = 0; to < sorted.length; to++) {
    while (spread(sorted[from], sorted[to]) > gammaMs) from += 1;
    const cluster = sorted.slice(from, to + 1);
    const isTighter = cluster.length === best.length && spreadOf(cluster) < spreadOf(best);
    if (cluster.length > best.length || isTighter) best = cluster;
  }
  return best.length * 2 > sorted.length ? best : undefined;
}

function nearMedian(sorted: ClockReading[], { gammaMs, trusted }: AverageOptions): ClockReading[] | undefined {
  const known = sorted.filter(({ name }) => trusted.includes(name));
  const voters = known.length > 0 ? known : sorted;
  const median = medianOf(voters.map(({ offsetMs }) => offsetMs));
  const isNear = ({ offsetMs }: ClockReading): boolean => Math.abs(offsetMs - median) <= gammaMs / 2;
  if (voters.filter(isNear).length * 2 <= voters.length) return undefined;
  return sorted.filter(isNear);
}

function spreadOf(cluster: ClockReading[]): number {
  return spread(cluster[0], cluster.at(-1));
}

function spread(first: ClockReading | undefined, last: ClockReading | undefined): number {
  return (last?.offsetMs ?? 0) - (first?.offsetMs ?? 0);
}
