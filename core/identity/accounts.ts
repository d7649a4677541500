import { z } from 'zod';

/**
 * Who may do what. A `device` publishes and subscribes below its own name; a `gateway` serves shards and writes the store;
 * a `console` reads everything; an `operator` may do everything below mesh/v1; a `reader` only reads.
 */
export const ROLES = ['operator', 'reader', 'device', 'gateway', 'console'] as const;
export type Role = (typeof ROLES)[number];

export interface Identity {
  username: string;
  role: Role;
}

/** A person's account in a configuration file. Machines have none: their passwords are derived from the site key. */
export const accountSchema = z.object({
  username: z.string().min(1).max(64),
  /** Made by hashPassword. */
  passwordHash: z.string().startsWith('scrypt$'),
  role: z.enum(['operator', 'reader']),
});
export type Account = z.infer<typeof accountSchema>;
