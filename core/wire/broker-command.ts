import { z } from 'zod';

/**
 * What an operator asks of one broker: JSON to `mesh/v1/{site}/{broker}/cmd`, published at that broker itself, since only
 * there it is known who publishes. The answer comes under `mesh/v1/{site}/{broker}/reply`. Every method may be repeated,
 * and then only tells how things stand.
 */
export const brokerCommandSchema = z.object({
  /** Chosen by who asks; the answer carries it. */
  id: z.string().min(1).max(64),
  /** drain: take no more clients, and send those away that are there. undrain: take clients again. */
  method: z.enum(['drain', 'undrain']),
});
export type BrokerCommand = z.infer<typeof brokerCommandSchema>;

export const brokerReplySchema = z.union([
  z.object({
    id: z.string(),
    isDraining: z.boolean(),
    /** Clients that are still there and have to go; links, operators and consoles are not counted. */
    clientsLeft: z.int().min(0),
  }),
  z.object({ id: z.string(), code: z.string(), reason: z.string() }),
]);
export type BrokerReply = z.infer<typeof brokerReplySchema>;
