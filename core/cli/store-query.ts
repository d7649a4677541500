import { z } from 'zod';
import { LatticeError, messageOf } from '../errors/index.ts';
import { basicAuthHeader } from '../identity/index.ts';
import type { Endpoints } from '../mesh/index.ts';

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

/** Asks the mesh's store as Grafana would: one InfluxQL statement over HTTP, times in epoch ms. */
export async function queryStore(endpoints: Endpoints, statement: string): Promise<Series[]> {
  const { url, db } = endpoints.store;
  let response: Response;
  try {
    response = await fetch(`${url}/query?${new URLSearchParams({ q: statement, db, epoch: 'ms' })}`, {
      headers: { authorization: basicAuthHeader(endpoints.username, endpoints.password) },
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
  } catch (cause) {
    throw new LatticeError('STORE_UNREACHABLE', `${url}: ${messageOf(cause)}.`, { cause });
  }
  if (response.status === 401) throw new LatticeError('STORE_AUTH', `${url} refused the operator's account.`);
  const answer = answerSchema.parse(await response.json());
  const fault = answer.error ?? answer.results[0]?.error;
  if (fault !== undefined) throw new LatticeError('QUERY_SYNTAX', `${statement}: ${fault}.`);
  return answer.results[0]?.series ?? [];
}
