import { type Figure, median, type Ratio, ratioOf, rounded } from '../figures.ts';

/** One way in which a contender is measured. */
export interface Metric {
  key: MetricKey;
  label: string;
  unit: string;
  /** Decimals that are printed. */
  digits: number;
  better: 'more' | 'less';
}

export type MetricKey =
  | 'perSecond'
  | 'cpuUs'
  | 'p50Ms'
  | 'p99Ms'
  | 'residentMb'
  | 'wireBytes'
  | 'drainS'
  | 'drainPerSecond'
  | 'lost';

/** What one contender did in one round, by metric. A round has a value for each metric of its case. */
export type Sample = Partial<Record<MetricKey, number>>;

export const METRICS: Record<MetricKey, Metric> = {
  perSecond: metric('perSecond', 'delivered', 'messages/s', 0, 'more'),
  cpuUs: metric('cpuUs', 'processor time', 'µs/message', 2, 'less'),
  p50Ms: metric('p50Ms', 'latency p50', 'ms', 1, 'less'),
  p99Ms: metric('p99Ms', 'latency p99', 'ms', 1, 'less'),
  residentMb: metric('residentMb', 'resident memory, most', 'MB', 0, 'less'),
  wireBytes: metric('wireBytes', 'on the wire', 'bytes/message', 1, 'less'),
  drainS: metric('drainS', 'drained after', 's', 2, 'less'),
  drainPerSecond: metric('drainPerSecond', 'drained at', 'messages/s', 0, 'more'),
  lost: metric('lost', 'lost', 'messages', 0, 'less'),
};

function metric(key: MetricKey, label: string, unit: string, digits: number, better: Metric['better']): Metric {
  return { key, label, unit, digits, better };
}

/** A bound on the median, or on the ratio of the medians (ours to the peer's). */
export interface Goal {
  metric: MetricKey;
  of: 'value' | 'ratio';
  op: '>=' | '<=' | '=';
  bound: number;
}

/** One figure of a case. `ours` and `peers` hold the metric's value of each round, in the same order; at least one round. */
export function figureOf(
  { key, label, unit, digits }: Metric,
  {
    title,
    ours,
    peers,
    goals,
  }: { title: string; ours: readonly number[]; peers: readonly number[]; goals: readonly Goal[] },
): Figure {
  const value = median(ours);
  const peer = median(peers);
  const ratio = ratioOf(ours, peers, median);
  const own = goals.filter((goal) => goal.metric === key);
  return {
    name: `${title}: ${label}`,
    value: rounded(value, digits),
    unit,
    goal: own.map((goal) => goalText(goal)).join(' and '),
    ok: own.every((goal) => isMet(goal, value, ratio)),
    peer: rounded(peer, digits),
    ratio,
  };
}

function isMet({ of, op, bound }: Goal, value: number, ratio: Ratio | null): boolean {
  const measured = of === 'value' ? value : ratio?.median;
  if (measured === undefined) return false;
  switch (op) {
    case '>=':
      return measured >= bound;
    case '<=':
      return measured <= bound;
    case '=':
      return measured === bound;
    default:
      return op satisfies never;
  }
}

function goalText({ of, op, bound }: Goal): string {
  return `${op} ${bound.toLocaleString('en')}${of === 'ratio' ? ' times' : ''}`;
}
