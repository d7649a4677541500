import type { Measurement } from '../../engine/index.ts';
import type { SelectStatement } from '../ast.ts';
import type { QueryLimits } from '../context.ts';
import type { FieldSet } from '../field-set.ts';
import type { Column } from './columns.ts';
import type { Group } from './groups.ts';

/** All that one group of a SELECT is computed from. */
export interface GroupQuery {
  statement: SelectStatement;
  measurement: Measurement;
  group: Group;
  columns: readonly Column[];
  /** Every field that is read, those of the condition too. */
  fields: FieldSet;
  /** The fields of the columns alone. */
  selected: FieldSet;
  fromNs: bigint;
  toNs: bigint;
  /** Whether the statement sets the start. */
  hasStart: boolean;
  limits: QueryLimits;
  /** Counts a row of the answer; throws QUERY_LIMIT beyond the bound. */
  countRow(): void;
}
