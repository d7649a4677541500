/** Ours to the peer's: of the medians, and the least and the most of the rounds' own. */
export interface Ratio {
  median: number;
  min: number;
  max: number;
}

/** A line of the result, in the form that all benchmarks here print with --json. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  goal: string;
  ok: boolean;
  /** The peer's value. */
  peer: number;
  /** None when the peer's value is 0. */
  ratio: Ratio | null;
}

/**
 * `ours` and `peers` hold the rounds in the same order; `statistic` makes one value of one or more of them. Null when a peer's value
 * is 0.
 */
export function ratioOf<Round>(
  ours: readonly Round[],
  peers: readonly Round[],
  statistic: (rounds: readonly Round[]) => number,
): Ratio | null {
  const peerValues = peers.map((peer) => statistic([peer]));
  if (peerValues.includes(0)) return null;
  const rounds = ours.map((own, at) => statistic([own]) / (peerValues[at] as number));
  return {
    median: rounded(statistic(ours) / statistic(peers), 3),
    min: rounded(Math.min(...rounds), 3),
    max: rounded(Math.max(...rounds), 3),
  };
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('No value has no median.');
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}

/** The least value that at least that part of all values does not exceed; `part` in (0, 1]. */
export function percentile(values: readonly number[], part: number): number {
  if (values.length === 0) throw new RangeError('No value has no percentile.');
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] as number;
}

export function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
