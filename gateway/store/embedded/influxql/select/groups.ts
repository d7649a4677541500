import type { Measurement, Series } from '../../engine/index.ts';
import { compareBytes } from '../../line-protocol/index.ts';
import type { Expr } from '../ast.ts';
import { type BoundCondition, bindCondition } from '../condition.ts';
import type { FieldSet } from '../field-set.ts';

/** A series that a statement reads, with what its rows must still fulfil. */
export interface BoundSeries {
  series: Series;
  condition: true | ((row: Parameters<Exclude<BoundCondition, boolean>>[0]) => boolean);
}

/** The series of one measurement that have the same values of the grouping tags. */
export interface Group {
  tags: Record<string, string>;
  series: BoundSeries[];
}

/** Groups the series that the condition leaves, in order of the tags' values. */
export function groupsOf(
  measurement: Measurement,
  where: Expr | undefined,
  groupTags: readonly string[],
  fields: FieldSet,
): Group[] {
  const groups = new Map<string, Group & { values: string[] }>();
  for (const series of measurement.series()) {
    const condition = bindCondition(where, measurement, series, fields);
    if (condition === false) continue;
    const values = groupTags.map((tag) => series.tags.get(tag) ?? '');
    const key = JSON.stringify(values);
    let group = groups.get(key);
    if (group === undefined) {
      group = { values, tags: Object.fromEntries(groupTags.map((tag, at) => [tag, values[at] as string])), series: [] };
      groups.set(key, group);
    }
    group.series.push({ series, condition });
  }
  return [...groups.values()].sort((a, b) => compareLists(a.values, b.values));
}

function compareLists(a: string[], b: string[]): number {
  for (let at = 0; at < a.length; at++) {
    const order = compareBytes(a[at] as string, b[at] as string);
    if (order !== 0) return order;
  }
  return 0;
}
