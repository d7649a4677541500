import { z } from 'zod';
import { brokerUrlSchema } from './broker-url.ts';
import { isMeshName } from './topics.ts';

/**
 * The brokers of a site, as each of them tells its clients: JSON, delivered when a client subscribes and when something has
 * changed, at most once a second. Any account may read it.
 */
export const BROKERS_TOPIC = '$SYS/lattice/brokers';

/** Brokers in a list, and addresses of one broker. What is more is left out. */
export const BROKERS_LISTED_MAX = 64;
export const BROKER_URLS_MAX = 8;

export const brokerEntrySchema = z.object({
  id: z.string().refine(isMeshName, 'no name of the mesh'),
  /** Where clients reach it; none when only their own configuration can say. */
  urls: z.array(brokerUrlSchema).max(BROKER_URLS_MAX),
  /** Room for more clients, 0 to 1. */
  weight: z.number().min(0).max(1),
  /** Whether it takes no clients any more, and those that it has should go elsewhere. */
  isDraining: z.boolean(),
  /** When it said so, by its own wall clock. */
  atMs: z.int(),
  /** Whether it is the broker that serves this list: a client may know it under another address. */
  isSelf: z.boolean(),
});
export type BrokerEntry = z.infer<typeof brokerEntrySchema>;

export const brokerListSchema = z.array(brokerEntrySchema).max(BROKERS_LISTED_MAX);
export type BrokerList = z.infer<typeof brokerListSchema>;

/** The list in a payload; undefined when it is none. */
export function parseBrokerList(payload: Uint8Array): BrokerList | undefined {
  try {
    return brokerListSchema.safeParse(JSON.parse(Buffer.from(payload).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
