import { createHmac, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { derivedPassword, equalSecrets, verifyPassword } from './passwords.ts';

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

const MACHINE_ROLES = ['device', 'gateway', 'console'] as const;
const CACHE_MAX = 1_000;

/** Checks user names and passwords of people (scrypt) and machines (derived from the site key). */
export class Authenticator {
  readonly #accounts: ReadonlyMap<string, Account>;
  readonly #siteKey: string;
  /** Successful logins of people by a MAC of what they typed, since scrypt costs 50 ms and HTTP sends it each time. */
  readonly #verified = new Map<string, Identity>();
  readonly #cacheKey = randomBytes(32);

  constructor(options: { accounts: readonly Account[]; siteKey: string }) {
    this.#accounts = new Map(options.accounts.map((account) => [account.username, account]));
    this.#siteKey = options.siteKey;
  }

  /** Whose credentials these are; undefined when they are nobody's. */
  async verify(username: string, password: string): Promise<Identity | undefined> {
    const account = this.#accounts.get(username);
    if (account !== undefined) return this.#verifyPerson(account, password);
    for (const role of MACHINE_ROLES) {
      if (equalSecrets(password, derivedPassword(this.#siteKey, role, username))) return { username, role };
    }
    return undefined;
  }

  async #verifyPerson(account: Account, password: string): Promise<Identity | undefined> {
    const key = createHmac('sha256', this.#cacheKey).update(`${account.username}\0${password}`).digest('base64');
    const known = this.#verified.get(key);
    if (known !== undefined) return known;
    if (!(await verifyPassword(password, account.passwordHash))) return undefined;
    const identity: Identity = { username: account.username, role: account.role };
    if (this.#verified.size >= CACHE_MAX) this.#verified.clear();
    this.#verified.set(key, identity);
    return identity;
  }
}
