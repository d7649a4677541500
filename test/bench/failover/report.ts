import { type Figure, median, percentile, type Ratio, ratioOf, rounded } from '../figures.ts';
import { MANY_WRITERS, type Round } from './round.ts';

/** The rounds of each contender, in the same order, one or more. */
export interface Results {
  ours: readonly Round[];
  etcdFast: readonly Round[];
  etcdDefault: readonly Round[];
}

interface Measure {
  name: string;
  unit: string;
  digits: number;
  of: (rounds: readonly Round[]) => number;
  /** The most that it may be, and whether it also has to be less than that of etcd with the same timers. */
  goal?: { atMost: number; beatsPeer: boolean };
}

const WITH_SAME_TIMERS = 'beside etcd at the same timers';
const WITH_DEFAULTS = 'beside etcd with its defaults';
const LABEL_WIDTH = 58;
const VALUE_WIDTH = 11;

const killed = (rounds: readonly Round[]): number[] => rounds.flatMap(({ killedMs }) => killedMs);
const frozen = (rounds: readonly Round[]): number[] => rounds.flatMap(({ frozenMs }) => frozenMs);
const worst = (values: readonly number[]): number => Math.max(...values);

const MEASURES: readonly Measure[] = [
  ms('leader killed: median', (rounds) => median(killed(rounds)), { atMost: 250, beatsPeer: true }),
  ms('leader killed: p99', (rounds) => percentile(killed(rounds), 0.99), { atMost: 600, beatsPeer: false }),
  ms('leader killed: worst', (rounds) => worst(killed(rounds))),
  ms('leader frozen: median', (rounds) => median(frozen(rounds))),
  ms('leader frozen: worst', (rounds) => worst(frozen(rounds))),
  ...steady('1 writer', ({ one }) => one),
  ...steady(`${MANY_WRITERS} writers`, ({ many }) => many),
];

export function figuresOf({ ours, etcdFast, etcdDefault }: Results): Figure[] {
  return MEASURES.flatMap((measure) => [
    figureOf(measure, WITH_SAME_TIMERS, ours, etcdFast),
    // A goal counts once.
    figureOf({ ...measure, goal: undefined }, WITH_DEFAULTS, ours, etcdDefault),
  ]);
}

/** The figures as a table. */
export function reportText(results: Results): string {
  const head = ['Lattice', 'etcd'].map((label) => label.padStart(VALUE_WIDTH)).join('');
  const lines = figuresOf(results).map(({ name, unit, value, peer, ratio, goal, ok }) => {
    const values = [value, peer].map((each) => each.toLocaleString('en').padStart(VALUE_WIDTH)).join('');
    return `${ok ? ' ' : '✗'} ${`${name}, ${unit}`.padEnd(LABEL_WIDTH)}${values}  ${ratioText(ratio).padEnd(22)}${goal}`.trimEnd();
  });
  const count = (rounds: readonly Round[]): string =>
    `${killed(rounds).length} kills, ${frozen(rounds).length} freezes`;
  const counts = `Lattice ${count(results.ours)}; etcd at 30/150 ms ${count(results.etcdFast)}; with defaults ${count(results.etcdDefault)}.`;
  return [`\n  ${''.padEnd(LABEL_WIDTH)}${head}  ratio (least to most)`, ...lines, counts].join('\n').concat('\n');
}

type LooseMeasure = Omit<Measure, 'goal'> & { goal?: Measure['goal'] | undefined };

function figureOf(
  { name, unit, digits, of, goal }: LooseMeasure,
  beside: string,
  ours: readonly Round[],
  peers: readonly Round[],
): Figure {
  const [value, peer] = [of(ours), of(peers)];
  const isFast = goal === undefined || value <= goal.atMost;
  const texts = goal === undefined ? [] : [`<= ${goal.atMost}`, ...(goal.beatsPeer ? ['less than etcd'] : [])];
  return {
    name: `${name}, ${beside}`,
    value: rounded(value, digits),
    unit,
    goal: texts.join(' and '),
    ok: isFast && (goal?.beatsPeer !== true || value < peer),
    peer: rounded(peer, digits),
    ratio: ratioOf(ours, peers, of),
  };
}

function ms(name: string, of: Measure['of'], goal?: Measure['goal'], digits = 0): Measure {
  return { name, unit: 'ms', digits, of, ...(goal === undefined ? {} : { goal }) };
}

function steady(name: string, of: (round: Round) => Round['one']): Measure[] {
  const medianOf = (key: keyof Round['one']) => (rounds: readonly Round[]) =>
    median(rounds.map((round) => of(round)[key]));
  return [
    ms(`${name}: p50`, medianOf('p50Ms'), undefined, 2),
    ms(`${name}: p99`, medianOf('p99Ms'), undefined, 2),
    { name: `${name}: writes`, unit: 'writes/s', digits: 0, of: medianOf('perSecond') },
  ];
}

function ratioText(ratio: Ratio | null): string {
  return ratio === null ? '' : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)})`;
}
