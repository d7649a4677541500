import type { FieldType, Measurement } from '../../engine/index.ts';
import { compareBytes } from '../../line-protocol/index.ts';
import type { CallExpr, Expr, SelectField, SelectStatement } from '../ast.ts';
import { takesType } from '../functions/index.ts';
import { tagKeysOf } from '../sources.ts';
import { isTime } from '../time-range.ts';

export interface Column {
  name: string;
  expr: Expr;
}

interface Names {
  fields: Map<string, FieldType>;
  tags: Set<string>;
}

/** Of a field that has several types in several measurements, the wider one counts. */
const TYPE_RANK: Record<FieldType, number> = { float: 3, integer: 2, string: 1, boolean: 0 };

/** The columns of a SELECT, wildcards and regular expressions spread out, each with the name that influxd gives it. */
export function columnsOf(
  statement: SelectStatement,
  measurements: readonly Measurement[],
  groupTags: readonly string[],
): Column[] {
  const names = namesOf(measurements, groupTags);
  const spread = statement.fields.filter((field) => !isTime(field.expr)).flatMap((field) => spreadField(field, names));
  const used = new Map<string, number>();
  const taken = new Set(spread.map((field) => field.alias));
  return spread.map((field) => {
    if (field.alias !== undefined) return { name: field.alias, expr: field.expr };
    return { name: uniqueName(nameOf(field.expr), used, taken), expr: field.expr };
  });
}

/** The tags that a GROUP BY names, sorted. */
export function groupTagsOf(statement: SelectStatement, measurements: readonly Measurement[]): string[] {
  const all = [...new Set(measurements.flatMap(tagKeysOf))];
  const tags = new Set<string>();
  for (const dimension of statement.groupBy) {
    if (dimension.type === 'tag') tags.add(dimension.name);
    else if (dimension.type === 'wildcard') for (const tag of all) tags.add(tag);
    else if (dimension.type === 'regex') for (const tag of all) if (dimension.regex.test(tag)) tags.add(tag);
  }
  return [...tags].sort(compareBytes);
}

function namesOf(measurements: readonly Measurement[], groupTags: readonly string[]): Names {
  const names: Names = { fields: new Map(), tags: new Set() };
  for (const measurement of measurements) {
    for (const field of measurement.fields.values()) {
      const known = names.fields.get(field.name);
      if (known === undefined || TYPE_RANK[field.type] > TYPE_RANK[known]) names.fields.set(field.name, field.type);
    }
    for (const tag of tagKeysOf(measurement)) if (!groupTags.includes(tag)) names.tags.add(tag);
  }
  return names;
}

function spreadField(field: SelectField, names: Names): SelectField[] {
  const { expr } = field;
  if (expr.type === 'wildcard') {
    const fields = expr.only === 'tag' ? [] : [...names.fields.keys()];
    const tags = expr.only === 'field' ? [] : [...names.tags];
    return refs(fields, tags);
  }
  if (expr.type === 'regex') {
    const matches = (name: string): boolean => expr.regex.test(name);
    return refs([...names.fields.keys()].filter(matches), [...names.tags].filter(matches));
  }
  if (expr.type !== 'call') return [field];
  if (expr.name === 'top' || expr.name === 'bottom') return [field, ...tagArguments(expr)];
  const [first, ...others] = expr.args;
  if (first?.type === 'call') {
    return spreadField({ expr: first }, names).map((inner) => ({
      ...field,
      expr: { ...expr, args: [inner.expr, ...others] },
      ...(inner.alias === undefined ? {} : { alias: inner.alias.replace(first.name, field.alias ?? expr.name) }),
    }));
  }
  if (first?.type !== 'wildcard' && first?.type !== 'regex') return [field];
  return [...names.fields]
    .filter(([name, type]) => takesType(expr.name, type) && (first.type !== 'regex' || first.regex.test(name)))
    .sort(([a], [b]) => compareBytes(a, b))
    .map(([name]) => ({
      expr: { ...expr, args: [{ type: 'ref', name, cast: 'field' }, ...others] },
      alias: `${field.alias ?? expr.name}_${name}`,
    }));
}

/** The tags of top(field, tag, …, n) get columns of their own. */
function tagArguments(call: CallExpr): SelectField[] {
  return call.args.slice(1, -1).map((expr) => ({ expr }));
}

function refs(fields: string[], tags: string[]): SelectField[] {
  const all = [
    ...fields.map((name) => ({ name, cast: 'field' as const })),
    ...tags.map((name) => ({ name, cast: 'tag' as const })),
  ];
  return all
    .sort((a, b) => compareBytes(a.name, b.name) || compareBytes(a.cast, b.cast))
    .map(({ name, cast }) => ({ expr: { type: 'ref', name, cast } }));
}

/** A name that occurs again gets a number: mean, mean_1, mean_2. */
function uniqueName(base: string, used: Map<string, number>, taken: ReadonlySet<string | undefined>): string {
  let count = used.get(base);
  if (count === undefined && !taken.has(base)) {
    used.set(base, 1);
    return base;
  }
  count ??= 1;
  while (used.has(`${base}_${count}`) || taken.has(`${base}_${count}`)) count++;
  used.set(base, count + 1);
  const name = `${base}_${count}`;
  used.set(name, 1);
  return name;
}

function nameOf(expr: Expr): string {
  switch (expr.type) {
    case 'ref':
    case 'call':
      return expr.name;
    case 'binary':
      return [nameOf(expr.left), nameOf(expr.right)].filter((name) => name !== '').join('_');
    default:
      return '';
  }
}
