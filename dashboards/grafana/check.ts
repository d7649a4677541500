import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { messageOf } from '../../core/errors/index.ts';
import { DASHBOARDS } from './dashboards.ts';
import type { InfluxTarget } from './influx-query.ts';

/** One series of an InfluxQL answer. */
export interface CheckSeries {
  columns: string[];
  values: unknown[][];
}

export type RunQuery = (statement: string) => Promise<readonly CheckSeries[]>;

export interface PanelQuery {
  dashboard: string;
  /** The panel's title, or `$name` for the query of a variable. */
  panel: string;
  refId: string;
  statement: string;
}

export interface PanelResult extends PanelQuery {
  /** Values that are not null, besides the time. */
  values: number;
  /** What the store said instead of an answer. */
  fault?: string;
}

export interface CheckOptions {
  /** The end of the time span; wall ms. */
  nowMs: number;
  /** Length of the time span, ms. */
  spanMs?: number;
  /** What `$__interval` stands for. */
  interval?: string;
  /** Choices of variables, by name; without one a variable takes its own default, or the first choice. */
  choices?: Readonly<Record<string, string>>;
}

const SPAN_MS = 3_600_000;
const INTERVAL = '10s';

/** The queries of a dashboard with its variables replaced as Grafana does. `values` gives the dashboard's own variables. */
export function queriesOf(
  dashboard: Dashboard,
  values: Readonly<Record<string, string>>,
  options: CheckOptions,
): PanelQuery[] {
  const replaced = replacer(values, options);
  return (dashboard.panels ?? []).flatMap((panel) =>
    'targets' in panel
      ? ((panel.targets ?? []) as unknown as InfluxTarget[]).map((target) => ({
          dashboard: dashboard.title ?? '',
          panel: panel.title ?? '',
          refId: target.refId,
          statement: replaced(target.query),
        }))
      : [],
  );
}

/**
 * Runs every query of every dashboard and tells what came back: first the variables, each with the first choice of those
 * before it, then the panels. "Grafana shows no data" is found here instead of by a user.
 */
export async function checkPanels(query: RunQuery, options: CheckOptions): Promise<PanelResult[]> {
  const results: PanelResult[] = [];
  for (const dashboard of DASHBOARDS) {
    const values: Record<string, string> = {};
    for (const variable of dashboard.templating?.list ?? []) {
      const statement = replacer(values, options)(String(variable.query));
      const labels = { dashboard: dashboard.title ?? '', panel: `$${variable.name}`, refId: '', statement };
      const { result, series } = await run(query, labels);
      const choices = choicesOf(series, variable.regex);
      results.push({ ...result, values: choices.length });
      const preferred = [options.choices?.[variable.name], String(variable.current?.value)];
      values[variable.name] = preferred.find((choice) => choices.includes(choice ?? '')) ?? choices[0] ?? '';
    }
    for (const labels of queriesOf(dashboard, values, options)) results.push((await run(query, labels)).result);
  }
  return results;
}

async function run(
  query: RunQuery,
  labels: PanelQuery,
): Promise<{ result: PanelResult; series: readonly CheckSeries[] }> {
  try {
    const series = await query(labels.statement);
    return { result: { ...labels, values: countValues(series) }, series };
  } catch (error) {
    return { result: { ...labels, values: 0, fault: messageOf(error) }, series: [] };
  }
}

function countValues(series: readonly CheckSeries[]): number {
  let count = 0;
  for (const { columns, values } of series) {
    for (const row of values) {
      count += row.filter((value, column) => value !== null && columns[column] !== 'time').length;
    }
  }
  return count;
}

/** SHOW TAG VALUES answers (key, value), SHOW FIELD KEYS (fieldKey, fieldType). */
function choicesOf(series: readonly CheckSeries[], regex: string | undefined): string[] {
  const filter = /^\/(.*)\/$/s.exec(regex ?? '')?.[1];
  const all = series.flatMap(({ columns, values }) => {
    const column = columns.includes('value') ? columns.indexOf('value') : 0;
    return values.map((row) => String(row[column]));
  });
  const kept = filter === undefined ? all : all.filter((text) => new RegExp(filter).test(text));
  return kept.sort();
}

function replacer(values: Readonly<Record<string, string>>, options: CheckOptions): (query: string) => string {
  const { nowMs, spanMs = SPAN_MS, interval = INTERVAL } = options;
  const all: Record<string, string> = {
    ...values,
    timeFilter: `time >= ${nowMs - spanMs}ms and time <= ${nowMs}ms`,
    __interval: interval,
  };
  // `$tag` at the end of a regex, as in /^$site$/, is followed by no name and stays.
  return (query) => query.replace(/\$([A-Za-z_]\w*)/g, (whole, name: string) => all[name] ?? whole);
}
