import type { Measurement, RetentionPolicy } from '../engine/index.ts';
import { compareBytes } from '../line-protocol/index.ts';
import type { Source } from './ast.ts';
import { databaseOf, policyOf, type QueryContext } from './context.ts';

/** The measurements that a FROM names, by name. Throws STORE_NOT_FOUND when database or policy are not there. */
export function measurementsOf(context: QueryContext, sources: readonly Source[]): Measurement[] {
  const found = new Map<string, Measurement>();
  for (const source of sources) {
    const database = databaseOf(context, source.database);
    const policy = policyOf(context, database, source.policy);
    for (const measurement of matching(policy, source.match)) {
      found.set(`${database.name}\0${policy.name}\0${measurement.name}`, measurement);
    }
  }
  return [...found.values()].sort((a, b) => compareBytes(a.name, b.name));
}

export function matching(policy: RetentionPolicy, match: string | RegExp): Measurement[] {
  if (match instanceof RegExp) return policy.measurements().filter((measurement) => match.test(measurement.name));
  const measurement = policy.measurement(match);
  return measurement === undefined ? [] : [measurement];
}

/** Every tag key of a measurement, sorted. */
export function tagKeysOf(measurement: Measurement): string[] {
  const keys = new Set<string>();
  for (const series of measurement.series()) for (const key of series.tags.keys()) keys.add(key);
  return [...keys].sort(compareBytes);
}
