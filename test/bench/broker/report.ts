import type { Figure } from '../figures.ts';
import type { Case } from './cases.ts';
import { figureOf, METRICS, type MetricKey } from './figures.ts';
import type { Round } from './measure.ts';
import type { Bar } from './svg.ts';

/** The rounds of one case, of both contenders in the same order; at least one. */
export interface CaseRounds {
  the: Case;
  ours: readonly Round[];
  peers: readonly Round[];
}

/** Cores in use at which one core counts as used up. */
const SATURATED = 0.9;
const FOREIGN_BUSY_MAX = 0.15;
/** What the chart shows of a case; the rest is in the text. */
const CHARTED: ReadonlySet<MetricKey> = new Set(['perSecond', 'cpuUs', 'wireBytes', 'drainS']);
const LABEL_WIDTH = 30;
const VALUE_WIDTH = 18;

export function figuresOf({ the, ours, peers }: CaseRounds): Figure[] {
  const valuesOf = (rounds: readonly Round[], key: MetricKey): number[] =>
    rounds.map(({ sample }) => {
      const value = sample[key];
      if (value === undefined) throw new Error(`${the.name} does not measure ${key}.`);
      return value;
    });
  return the.metrics.map((key) => {
    const values = { ours: valuesOf(ours, key), peers: valuesOf(peers, key) };
    return figureOf(METRICS[key], { title: the.title, goals: the.goals, ...values });
  });
}

/** A case as a table, and what puts its figures in doubt. */
export function caseText(rounds: CaseRounds): string {
  const { the } = rounds;
  const head = [the.ours.label, the.peer.label].map((label) => label.padStart(VALUE_WIDTH)).join('');
  const lines = figuresOf(rounds).map(({ unit, value, peer, ratio, goal, ok }, at) => {
    const { label, digits } = METRICS[the.metrics[at] as MetricKey];
    const values = [value, peer].map((each) => formatted(each, digits).padStart(VALUE_WIDTH)).join('');
    const ratios =
      ratio === null ? '' : `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)})`;
    const line = `${ok ? ' ' : '✗'} ${`${label}, ${unit}`.padEnd(LABEL_WIDTH)}${values}  ${ratios.padEnd(22)}${goal}`;
    return line.trimEnd();
  });
  return [`\n${the.title}`, `  ${''.padEnd(LABEL_WIDTH)}${head}  ratio (least to most)`, ...lines, ...doubts(rounds)]
    .join('\n')
    .concat('\n');
}

/** The proxy of the other kinds would count as foreign. */
function doubts({ the, ours, peers }: CaseRounds): string[] {
  if (the.kind !== 'steady') return [];
  const notes: string[] = [];
  for (const [{ label }, rounds] of [
    [the.ours, ours],
    [the.peer, peers],
  ] as const) {
    const isHeldUp = rounds.some(({ busy }) => busy.generatorBusy > SATURATED && busy.brokersBusy < SATURATED);
    if (isHeldUp) notes.push(`  The load generator had no time left, and ${label} had: it may be able to do more.`);
    const foreign = Math.max(...rounds.map(({ busy }) => busy.foreignBusy));
    if (foreign > FOREIGN_BUSY_MAX) {
      notes.push(
        `  Other programs used up to ${percent(foreign)} of a core during rounds of ${label}: it was held up.`,
      );
    }
  }
  return notes;
}

/** What the chart shows of a case: how many times better than the peer. Nothing of a case that compares us with ourselves. */
export function barsOf(rounds: CaseRounds): Bar[] {
  const { the } = rounds;
  if (the.name === 'federation') return [];
  return figuresOf(rounds).flatMap(({ ratio }, at) => {
    const { key, label, better } = METRICS[the.metrics[at] as MetricKey];
    if (ratio === null || !CHARTED.has(key)) return [];
    const goal = the.goals.find(({ metric, of }) => metric === key && of === 'ratio')?.bound;
    const { median, min, max } = ratio;
    const bar = { group: the.name, label };
    if (better === 'more') return [{ ...bar, times: median, min, max, goal }];
    return [{ ...bar, times: 1 / median, min: 1 / max, max: 1 / min, goal: goal && 1 / goal }];
  });
}

function formatted(value: number, digits: number): string {
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

function percent(part: number): string {
  return `${Math.round(part * 100)}%`;
}
