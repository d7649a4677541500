import { z } from 'zod';

const count = z.number().min(0).default(0);

/** What a gateway answers to GET /status. Fields that it adds later do no harm. */
export const gatewayStatusSchema = z.object({
  id: z.string(),
  site: z.string(),
  uptimeS: count,
  brokerUp: z.boolean(),
  storeUp: z.boolean(),
  shards: z.array(z.int()).default([]),
  account: z.object({
    sent: count,
    stored: count,
    buffered: count,
    dropped: count,
    missing: count,
    rejected: count,
    duplicates: count,
    received: count,
  }),
  buffer: z.object({ readings: count, bytes: count }).default({ readings: 0, bytes: 0 }),
  latencyMs: z.object({ p50: count, p99: count }).default({ p50: 0, p99: 0 }),
});
export type GatewayStatus = z.output<typeof gatewayStatusSchema>;
