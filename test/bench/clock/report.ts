import { type Figure, ratioOf, rounded } from '../figures.ts';
import type { PeerResult } from './beside-chrony.ts';
import { type ClockError, type ErrorSummary, summaryOf } from './errors.ts';
import type { PathResult } from './measure.ts';

/** A figure that may have nothing beside it. */
export type ClockFigure = Omit<Figure, 'peer'> & { peer: number | null };

const LABEL_WIDTH = 34;
const VALUE_WIDTH = 10;

export function pathFigures({ the, errors, faults }: PathResult): ClockFigure[] {
  const { goalP99Us } = the;
  const { p50Us, p99Us, maxUs, uncertaintyP50Us, violations } = summaryOf(errors);
  const figure = (name: string, valueUs: number, goalUs?: number): ClockFigure => ({
    ...{ name: `${the.title}: ${name}`, value: rounded(valueUs, 1), unit: 'µs' },
    goal: goalUs === undefined ? '' : `<= ${goalUs}`,
    ok: goalUs === undefined || valueUs <= goalUs,
    ...{ peer: null, ratio: null },
  });
  return [
    figure('error p50', p50Us),
    figure('error p99', p99Us, goalP99Us),
    figure('error max', maxUs),
    figure('stated uncertainty p50', uncertaintyP50Us),
    none(`${the.title}: errors beyond the stated uncertainty`, violations),
    none(
      `${the.title}: readings that went backwards or beyond the rate`,
      faults.reduce((sum, { backwards, offRate }) => sum + backwards + offRate, 0),
    ),
  ];
}

export function peerFigures({ the, ours, chrony }: PeerResult): ClockFigure[] {
  const figure = (name: string, of: (summary: ErrorSummary) => number): ClockFigure => {
    const statistic = ([errors]: readonly ClockError[][]): number => of(summaryOf(errors as ClockError[]));
    return {
      ...{ name: `${the.title}: ${name}`, value: rounded(statistic([ours]), 1), unit: 'µs', goal: '', ok: true },
      ...{ peer: rounded(statistic([chrony]), 1), ratio: ratioOf([ours], [chrony], statistic) },
    };
  };
  return [
    figure('error p50', ({ p50Us }) => p50Us),
    figure('error p99', ({ p99Us }) => p99Us),
    figure('error max', ({ maxUs }) => maxUs),
    figure('stated uncertainty p50', ({ uncertaintyP50Us }) => uncertaintyP50Us),
    none(`${the.title}: errors beyond the stated uncertainty`, summaryOf(ours).violations),
  ];
}

export function pathHead(): string {
  const heads = ['p50', 'p99', 'max', 'stated', 'st. max', 'beyond', 'samples'];
  return `\n  ${'Error of members, µs'.padEnd(LABEL_WIDTH)}${columns(heads)}  goal of p99\n`;
}

export function pathLine(result: PathResult): string {
  const { the, errors } = result;
  const isMissed = pathFigures(result).some(({ ok }) => !ok);
  const goal = the.goalP99Us === undefined ? '' : `  <= ${the.goalP99Us}`;
  return `${isMissed ? '✗' : ' '} ${the.title.padEnd(LABEL_WIDTH)}${columns(valuesOf(summaryOf(errors)))}${goal}\n`;
}

export function peerText(result: PeerResult): string {
  const { the, ours, chrony, oursPerS, chronyPerS, movedMs } = result;
  const [own, peer] = [summaryOf(ours), summaryOf(chrony)];
  const line = (label: string, summary: ErrorSummary): string =>
    `  ${label.padEnd(LABEL_WIDTH)}${columns(valuesOf(summary))}\n`;
  return [
    `  ${the.title}, each way\n`,
    line(`  Lattice, ${oursPerS.toFixed(1)} probes/s`, own),
    line(`  chrony, ${chronyPerS.toFixed(1)} questions/s`, peer),
    `    ratio of p50 ${(own.p50Us / peer.p50Us).toFixed(2)}, of p99 ${(own.p99Us / peer.p99Us).toFixed(2)};`,
    ` the time that both follow moved by ${(movedMs * 1_000).toFixed(0)} µs\n`,
  ].join('');
}

function valuesOf({ p50Us, p99Us, maxUs, uncertaintyP50Us, uncertaintyMaxUs, violations, samples }: ErrorSummary) {
  const micros = [p50Us, p99Us, maxUs, uncertaintyP50Us, uncertaintyMaxUs].map((value) => value.toFixed(1));
  return [...micros, `${violations}`, `${samples}`];
}

function columns(texts: readonly string[]): string {
  return texts.map((text) => text.padStart(VALUE_WIDTH)).join('');
}

/** Something that must not be at all. */
function none(name: string, value: number): ClockFigure {
  return { name, value, unit: '', goal: '= 0', ok: value === 0, peer: null, ratio: null };
}
