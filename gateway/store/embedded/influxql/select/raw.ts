import type { ScanRow } from '../../engine/index.ts';
import type { Reader } from '../context.ts';
import type { ResultValue } from '../result.ts';
import type { GroupQuery } from './group-query.ts';
import { compileRowExpr } from './row-expr.ts';

/** The rows of a SELECT without functions: every point of the group, in order of time. */
export async function rawRows(query: GroupQuery, reader: Reader): Promise<ResultValue[][]> {
  const { measurement, group, fields, columns, statement } = query;
  const { limit, offset } = statement.rows;
  const compiled = columns.map((column) => compileRowExpr(column.expr, fields));
  const wanted = query.selected.fields;
  if (wanted.length === 0) return [];
  const wantedColumns = wanted.map((field) => fields.fields.indexOf(field) + 1);
  const rowsMax = limit === 0 ? Number.POSITIVE_INFINITY : limit + offset;
  const rows: ResultValue[][] = [];
  for (const { series, condition } of group.series) {
    let taken = 0;
    await reader.scan(measurement, series, {
      fields: fields.fields,
      fromNs: query.fromNs,
      toNs: query.toNs,
      isDescending: statement.isDescending,
      ...(condition === true && Number.isFinite(rowsMax) ? { rowsExpected: rowsMax } : {}),
      onRow(row) {
        if (condition !== true && !condition(row)) return true;
        if (!hasAny(row, wantedColumns)) return true;
        query.countRow();
        rows.push([row[0], ...compiled.map((column) => column(row, series))]);
        // No series gives more than its first rows to the group's first rows.
        return ++taken < rowsMax;
      },
    });
  }
  if (group.series.length > 1) rows.sort(byTime(statement.isDescending));
  return rows;
}

/** Whether a point has one of the selected fields; it may have come for a field of the condition alone. */
function hasAny(row: ScanRow, columns: readonly number[]): boolean {
  for (const column of columns) if (row[column] !== null) return true;
  return false;
}

function byTime(isDescending: boolean): (a: ResultValue[], b: ResultValue[]) => number {
  const sign = isDescending ? -1 : 1;
  return (a, b) => {
    const left = a[0] as bigint;
    const right = b[0] as bigint;
    return left < right ? -sign : left > right ? sign : 0;
  };
}
