import { z } from 'zod';
import { LatticeError } from '../errors/index.ts';
import type { Endpoints } from '../mesh/index.ts';
import { fetchJson } from './fetch-json.ts';

const REQUEST_TIMEOUT_MS = 10_000;

const answerSchema = z.object({
  results: z
    .array(
      z.object({
        series: z
          .array(
            z.object({
              name: z.string().optional(),
              tags: z.record(z.string(), z.string()).optional(),
              columns: z.array(z.string()),
              values: z.array(z.array(z.union([z.string(), z.number(), z.boolean(), z.null()]))).default([]),
            }),
          )
          .default([]),
        error: z.string().optional(),
      }),
    )
    .default([]),
  error: z.string().optional(),
});

export type Series = z.infer<typeof answerSchema>['results'][number]['series'][number];

/**
 * Asks the mesh's store as Grafana would: one InfluxQL statement over HTTP, times in epoch ms. Waits 10 s at most, or less
 * when told so. Throws STORE_UNREACHABLE, STORE_AUTH, QUERY_SYNTAX.
 */
export async function queryStore(
  endpoints: Pick<Endpoints, 'store' | 'username' | 'password'>,
  statement: string,
  timeoutMs = REQUEST_TIMEOUT_MS,
): Promise<Series[]> {
  const { store, username, password } = endpoints;
  const { status, body } = await fetchJson(
    `${store.url}/query?${new URLSearchParams({ q: statement, db: store.db, epoch: 'ms' })}`,
    { username, password, timeoutMs: Math.min(timeoutMs, REQUEST_TIMEOUT_MS), code: 'STORE_UNREACHABLE' },
  );
  if (status === 401) throw new LatticeError('STORE_AUTH', `${store.url} refused the operator's account.`);
  const answer = answerSchema.safeParse(body);
  if (!answer.success) throw new LatticeError('STORE_UNREACHABLE', `${store.url} answered ${status} in another form.`);
  const fault = answer.data.error ?? answer.data.results[0]?.error;
  if (fault !== undefined) throw new LatticeError('QUERY_SYNTAX', `${statement}: ${fault}.`);
  return answer.data.results[0]?.series ?? [];
}
