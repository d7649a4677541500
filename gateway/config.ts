import { z } from 'zod';
import { accountSchema } from '../core/identity/index.ts';
import { brokerUrlSchema, isMeshName } from '../core/wire/index.ts';
import { agreementSchema } from './agreement/index.ts';
import { clockConfigSchema } from './clock/index.ts';
import { jobsConfigSchema } from './jobs/index.ts';
import { storeTargetSchema } from './store/index.ts';

const meshName = z.string().refine(isMeshName, '1 to 64 letters, digits, dots, dashes or underscores');
const port = z.int().min(0).max(65_535);

/** The configuration of one gateway process. */
export const gatewayConfigSchema = z.strictObject({
  id: meshName,
  site: meshName,
  dataDir: z.string().min(1),
  http: z.strictObject({ host: z.string().default('127.0.0.1'), port }),
  /** Every gateway of the site, this one among them: the devices are divided among these. */
  members: z.array(meshName).min(1).max(64),
  /**
   * The broker that keeps this gateway's session (`url`, or the first of `urls`), and others that it may go to when that one
   * is away or drains. Our brokers tell of more.
   */
  broker: z
    .strictObject({ url: brokerUrlSchema.optional(), urls: z.array(brokerUrlSchema).max(64).default([]) })
    .refine(({ url, urls }) => url !== undefined || urls.length > 0, 'url or urls has to name a broker'),
  /** Secret of the site, from which the passwords of machines are derived. */
  siteKey: z.string().min(16),
  /** People who may read this gateway's HTTP API. */
  accounts: z.array(accountSchema).default([]),
  store: storeTargetSchema,
  buffer: z
    .strictObject({
      /** Bound of the readings that wait on disk; at the bound nothing more is taken, so it waits in the broker. */
      bytesMax: z
        .int()
        .min(1024 * 1024)
        .default(1024 ** 3),
      segmentBytes: z
        .int()
        .min(64 * 1024)
        .default(16 * 1024 * 1024),
    })
    .prefault({}),
  replication: z
    .strictObject({
      /** Bytes of buffered readings per write to the store. */
      batchBytesMax: z
        .int()
        .min(1024)
        .default(512 * 1024),
      /** How long readings are gathered before a write; the price is that much latency. */
      lingerMs: z.int().min(0).max(10_000).default(50),
      backoffMsMin: z.int().min(1).default(250),
      backoffMsMax: z.int().min(1).default(10_000),
    })
    .prefault({}),
  /**
   * How the gateways of the site agree on who leads, on locks and on the configuration of the fleet: among themselves (raft), or through
   * an etcd cluster. Left out, this gateway takes no part in it.
   */
  agreement: agreementSchema.optional(),
  /** How they agree on time; only a gateway with `agreement` takes part. */
  time: clockConfigSchema.prefault({}),
  jobs: jobsConfigSchema.prefault({}),
  log: z.strictObject({ level: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') }).prefault({}),
});

export type GatewayConfig = z.output<typeof gatewayConfigSchema>;

/** The brokers of a gateway, its own first. */
export function brokersOf({ url, urls }: GatewayConfig['broker']): string[] {
  return [...new Set(url === undefined ? urls : [url, ...urls])];
}
