import { z } from 'zod';
import { LatticeError } from '../../core/errors/index.ts';
import type { QuerySeries, StoreUsage } from './types.ts';

/** What the InfluxDB API answers, and what each answer means for the port. */
export interface Answer {
  status: number;
  body: string;
  /** Whether an InfluxDB (or our store) sent it, rather than a proxy on the way. */
  isFromInflux: boolean;
}

const errorSchema = z.object({ error: z.string(), code: z.string().optional() });
const cellSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const resultsSchema = z.object({
  results: z.array(
    z.object({
      error: z.string().optional(),
      series: z
        .array(
          z.object({
            name: z.string().optional(),
            tags: z.record(z.string(), z.string()).optional(),
            columns: z.array(z.string()),
            values: z.array(z.array(cellSchema)).default([]),
          }),
        )
        .default([]),
    }),
  ),
});

const usageSchema = z.object({
  series: z.number(),
  measurements: z.number(),
  bytes: z.number(),
  pointsWritten: z.number(),
});

/** What became of a write. */
export type WriteVerdict = { type: 'stored' } | { type: 'refused'; reason: string } | { type: 'noDatabase' };

/**
 * Reads the answer to a write. 400 is final for some of its points; 413 is final for a single one.
 * Throws STORE_AUTH, STORE_UNREACHABLE, FENCED.
 */
export function writeVerdict(answer: Answer): WriteVerdict {
  if (answer.status >= 200 && answer.status < 300) return { type: 'stored' };
  const reason = reasonOf(answer.body);
  if (answer.status === 401 || answer.status === 403) throw new LatticeError('STORE_AUTH', `${reason}.`);
  if (answer.status === 409 && codeIn(answer.body) === 'FENCED') throw new LatticeError('FENCED', `${reason}.`);
  if (answer.status === 404 && reason.startsWith('database not found')) return { type: 'noDatabase' };
  if (answer.isFromInflux && (answer.status === 400 || answer.status === 413)) return { type: 'refused', reason };
  throw unexpected(answer);
}

/** Reads the answer to a query of one statement. Throws QUERY_SYNTAX, QUERY_UNSUPPORTED, STORE_AUTH, STORE_UNREACHABLE. */
export function querySeries(answer: Answer): QuerySeries[] {
  if (answer.status === 401 || answer.status === 403) throw new LatticeError('STORE_AUTH', `${reasonOf(answer.body)}.`);
  if (answer.status === 400) throw queryError(reasonOf(answer.body));
  if (answer.status !== 200) throw unexpected(answer);
  const parsed = resultsSchema.safeParse(parseJson(answer.body));
  if (!parsed.success)
    throw new LatticeError('STORE_UNREACHABLE', 'The store answered with something else than results.');
  return parsed.data.results.flatMap((result) => {
    if (result.error !== undefined) throw queryError(result.error);
    return result.series.map(({ name, tags, columns, values }) => ({
      ...(name === undefined ? {} : { name }),
      ...(tags === undefined ? {} : { tags }),
      columns,
      values,
    }));
  });
}

/** Reads what our store tells at /health. Throws STORE_UNREACHABLE, and QUERY_UNSUPPORTED when it is another store. */
export function usageIn(answer: Answer): StoreUsage {
  if (answer.status !== 200) throw unexpected(answer);
  const usage = usageSchema.safeParse(parseJson(answer.body));
  if (usage.success) return usage.data;
  throw new LatticeError('QUERY_UNSUPPORTED', 'This store does not tell at /health what it holds.');
}

/** Our store says `not supported by the embedded store`; influxd says that a function is undefined. */
const UNSUPPORTED = /not supported|undefined function|unsupported/i;

function queryError(reason: string): LatticeError {
  const code = UNSUPPORTED.test(reason) ? 'QUERY_UNSUPPORTED' : 'QUERY_SYNTAX';
  return new LatticeError(code, `${reason}.`);
}

function unexpected(answer: Answer): LatticeError {
  return new LatticeError('STORE_UNREACHABLE', `The store answered ${answer.status}: ${reasonOf(answer.body)}.`);
}

const REASON_LENGTH_MAX = 500;

function reasonOf(body: string): string {
  const parsed = errorSchema.safeParse(parseJson(body));
  const reason = parsed.success ? parsed.data.error : body.trim() || 'no reason given';
  return reason.slice(0, REASON_LENGTH_MAX);
}

function codeIn(body: string): string | undefined {
  return errorSchema.safeParse(parseJson(body)).data?.code;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
