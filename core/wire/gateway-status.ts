import { z } from 'zod';
import { agreementStatusSchema } from './agreement-status.ts';
import { clockStatusSchema } from './clock-status.ts';

const count = z.number();

/**
 * The account of a gateway: sent = stored + buffered + rejected + lost + dropped + missing.
 * The account of a mesh is the sum over its gateways, since each device belongs to one of them.
 */
export const accountSchema = z.object({
  /** Readings that devices have numbered, as far as has been heard. */
  sent: count,
  stored: count,
  /** On the gateway's disk, and not yet in the store. */
  buffered: count,
  /** Refused by the store for good; each is in the dead letters. */
  rejected: count,
  /** Taken, and then neither found in the buffer nor written to the store: what damage to the disk has cost. */
  lost: count,
  /** Declared dropped by the devices. */
  dropped: count,
  /** Sequence numbers not seen: on their way, or lost. */
  missing: count,
  /** Of those taken, how many have no number: their senders do not count. */
  unnumbered: count,
  /** Came again and were left out. */
  duplicates: count,
  /** Messages that came, since the start of the process. */
  received: count,
  /** Payloads that were no readings, since the start of the process; each is in the dead letters. */
  refused: count,
});
export type ReadingAccount = z.infer<typeof accountSchema>;

/** The account of several gateways together. */
export function sumAccounts(accounts: readonly ReadingAccount[]): ReadingAccount {
  const keys = Object.keys(accountSchema.shape) as (keyof ReadingAccount)[];
  const sums = keys.map((key) => [key, accounts.reduce((sum, account) => sum + account[key], 0)]);
  return Object.fromEntries(sums) as ReadingAccount;
}

/** What `GET /status` of a gateway answers. */
export const gatewayStatusSchema = z.object({
  id: z.string(),
  site: z.string(),
  uptimeS: count,
  brokerUp: z.boolean(),
  storeUp: z.boolean(),
  store: z.string(),
  shards: z.array(z.int()),
  devices: count,
  account: accountSchema,
  /** lostPositions: records that damage to the disk has cost. */
  buffer: z.object({ readings: count, bytes: count, lostPositions: count }),
  /** Device stamp to stored, over the last one to two minutes. */
  latencyMs: z.object({ p50: count, p99: count }),
  /** How the gateways of the site agree; absent when this one takes no part. */
  agreement: agreementStatusSchema.optional(),
  /** How its clock goes; absent when it takes no part. */
  time: clockStatusSchema.optional(),
});
export type GatewayStatus = z.infer<typeof gatewayStatusSchema>;
