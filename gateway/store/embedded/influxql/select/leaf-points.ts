import type { Reader } from '../context.ts';
import { fieldOf } from '../field-set.ts';
import type { Accumulator, Sample } from '../functions/index.ts';
import { accumulatorFor } from '../functions/index.ts';
import type { ResultValue } from '../result.ts';
import { type Leaf, SELECTORS } from './calls.ts';
import { fillWindows } from './fill.ts';
import type { GroupQuery } from './group-query.ts';
import { nextWindow, type WindowSpec, windowStart } from './windows.ts';

/** A value of a function, at the stamp under which it is shown. */
export interface LeafPoint {
  timeNs: bigint;
  value: ResultValue;
  /** What a selector chose. */
  sample?: Sample;
  isInteger?: boolean;
}

interface LeafState {
  leaf: Leaf;
  column: number;
  type: Parameters<typeof accumulatorFor>[1]['type'];
  /** For `points`. */
  samples: Sample[];
  windows: Map<bigint, Accumulator>;
  current: Accumulator | undefined;
}

const ONE_WINDOW = 0n;

/** Reads a group once and computes every leaf of the statement. The points are in order of the statement. */
export async function leafPoints(
  query: GroupQuery,
  leaves: readonly Leaf[],
  spec: WindowSpec | undefined,
  keepsSampleTime: boolean,
  reader: Reader,
): Promise<Map<string, LeafPoint[]>> {
  const states = leaves.flatMap((leaf) => stateOf(query, leaf));
  await readGroup(query, states, spec, reader);
  return new Map(states.map((state) => [state.leaf.key, finish(query, state, spec, keepsSampleTime)]));
}

function stateOf(query: GroupQuery, leaf: Leaf): LeafState[] {
  const field = fieldOf(query.measurement, leaf.ref);
  const column = field === undefined ? undefined : query.fields.columnOf(leaf.ref);
  if (field === undefined || column === undefined) return [];
  const state: LeafState = { leaf, column, type: field.type, samples: [], windows: new Map(), current: undefined };
  // An accumulator that does not take the type says so even when there is no point.
  if (leaf.name !== 'points') newAccumulator(state);
  return [state];
}

function newAccumulator({ leaf, type }: LeafState): Accumulator {
  return accumulatorFor(leaf.name, { type, number: leaf.number, unitNs: leaf.unitNs, tags: leaf.tags });
}

async function readGroup(
  query: GroupQuery,
  states: LeafState[],
  spec: WindowSpec | undefined,
  reader: Reader,
): Promise<void> {
  if (states.length === 0) return;
  const { measurement, group, fields, fromNs, toNs, statement } = query;
  const early = spec === undefined ? earlyEnd(states) : undefined;
  for (const { series, condition } of group.series) {
    const open = new Set(states);
    let windowNs = ONE_WINDOW;
    let endNs: bigint | undefined;
    await reader.scan(measurement, series, {
      fields: fields.fields,
      fromNs,
      toNs,
      // Within a window the order does not matter, and ascending keeps one window open at a time.
      isDescending: early === 'last' || (spec === undefined && statement.isDescending),
      ...(early !== undefined && condition === true ? { rowsExpected: EARLY_ROWS } : {}),
      onRow(row) {
        if (condition !== true && !condition(row)) return true;
        const timeNs = row[0];
        const isOutside = spec !== undefined && (endNs === undefined || timeNs >= endNs);
        if (isOutside) {
          windowNs = windowStart(spec, timeNs);
          endNs = nextWindow(spec, windowNs);
        }
        for (const state of states) {
          if (isOutside) state.current = undefined;
          const value = row[state.column];
          if (value === null || value === undefined) continue;
          const sample: Sample = { timeNs, value, row, series };
          if (state.leaf.name === 'points') state.samples.push(sample);
          else accumulate(state, windowNs, sample);
          open.delete(state);
        }
        return early === undefined || open.size > 0;
      },
    });
    for (const state of states) state.current = undefined;
  }
}

const EARLY_ROWS = 16;

/** When all that is asked for is the newest or the oldest value, a series is read no further than to there. */
function earlyEnd(states: readonly LeafState[]): 'first' | 'last' | undefined {
  for (const end of ['first', 'last'] as const) if (states.every((state) => state.leaf.name === end)) return end;
  return undefined;
}

function accumulate(state: LeafState, windowNs: bigint, sample: Sample): void {
  if (state.current === undefined) {
    state.current = state.windows.get(windowNs);
    if (state.current === undefined) {
      state.current = newAccumulator(state);
      state.windows.set(windowNs, state.current);
    }
  }
  state.current.add(sample);
}

function finish(
  query: GroupQuery,
  state: LeafState,
  spec: WindowSpec | undefined,
  keepsSampleTime: boolean,
): LeafPoint[] {
  const { leaf } = state;
  const { isDescending } = query.statement;
  if (leaf.name === 'points')
    return sorted(
      state.samples.map((sample) => ({ timeNs: sample.timeNs, value: sample.value, sample })),
      isDescending,
    );
  const points: LeafPoint[] = [];
  const keepsTime = leaf.name === 'top' || leaf.name === 'bottom' || (keepsSampleTime && SELECTORS.has(leaf.name));
  for (const [windowNs, accumulator] of state.windows) {
    const startNs = spec !== undefined ? windowNs : query.hasStart ? query.fromNs : 0n;
    for (const { value, sample } of accumulator.finish()) {
      const timeNs = keepsTime && sample !== undefined ? sample.timeNs : startNs;
      points.push({ timeNs, value, ...(sample === undefined ? {} : { sample }), isInteger: state.type === 'integer' });
    }
  }
  const ordered = sorted(points, isDescending);
  return spec === undefined || ordered.length === 0 ? ordered : filled(query, leaf, ordered, spec);
}

const UNFILLED: ReadonlySet<string> = new Set(['distinct', 'top', 'bottom']);

function filled(query: GroupQuery, leaf: Leaf, points: LeafPoint[], spec: WindowSpec): LeafPoint[] {
  const { fill, isDescending } = query.statement;
  if (fill === 'none' || UNFILLED.has(leaf.name)) return points;
  const oldest = (isDescending ? points.at(-1) : points[0]) as LeafPoint;
  return fillWindows(points, leaf.name === 'count' && fill === 'null' ? 0 : fill, {
    spec,
    firstNs: query.hasStart ? windowStart(spec, query.fromNs) : oldest.timeNs,
    lastNs: windowStart(spec, query.toNs),
    isDescending,
    bucketsMax: query.limits.queryBucketsMax,
  });
}

function sorted(points: LeafPoint[], isDescending: boolean): LeafPoint[] {
  const sign = isDescending ? -1 : 1;
  return points.sort((a, b) => (a.timeNs < b.timeNs ? -sign : a.timeNs > b.timeNs ? sign : 0));
}
