import { z } from 'zod';
import type { CallOptions, Coordinator, KeyValue } from '../coordination/index.ts';

const JOBS_PREFIX = 'lattice/jobs/';

export const jobKey = (name: string): string => `${JOBS_PREFIX}${name}`;

const startSchema = z.object({
  /** Wall clock of the gateway that ran it, ms. */
  startedAtMs: z.number(),
  gateway: z.string(),
  fencingToken: z.number(),
});

/** What the gateways of a site know about a job, whoever leads. */
const jobRecordSchema = z.object({
  schedule: z.string(),
  /** A leader that finds this in the past has a run to make up. */
  nextDueMs: z.number(),
  /** The run under way; of a leader that died, as long as no other has run it. */
  running: startSchema.optional(),
  last: startSchema
    .extend({ durationMs: z.number(), outcome: z.enum(['succeeded', 'failed']), detail: z.string().optional() })
    .optional(),
});
export type JobRecord = z.infer<typeof jobRecordSchema>;

/** Undefined when there is none, or none that this version can read. */
export function jobRecordIn(found: KeyValue | undefined): JobRecord | undefined {
  if (found === undefined) return undefined;
  try {
    return jobRecordSchema.safeParse(JSON.parse(found.value)).data;
  } catch {
    return undefined;
  }
}

/** The records of a site's jobs, by name. */
export async function readJobRecords(
  coordinator: Pick<Coordinator, 'range'>,
  options?: CallOptions,
): Promise<Map<string, JobRecord>> {
  const { keyValues } = await coordinator.range({ prefix: JOBS_PREFIX }, options);
  const records = new Map<string, JobRecord>();
  for (const found of keyValues) {
    const record = jobRecordIn(found);
    if (record !== undefined) records.set(found.key.slice(JOBS_PREFIX.length), record);
  }
  return records;
}
