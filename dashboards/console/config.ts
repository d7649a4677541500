import { z } from 'zod';
import { accountSchema } from '../../core/identity/index.ts';
import { isMeshName } from '../../core/wire/index.ts';

const meshName = z.string().refine(isMeshName, 'letters, digits, dot, dash and underscore, at most 64');
const port = z.int().min(0).max(65_535);

/** The configuration of the console's process. */
export const consoleConfigSchema = z.strictObject({
  site: meshName,
  listen: z.strictObject({
    host: z.string().default('127.0.0.1'),
    port,
    /** Host names under which people reach the console, besides localhost; any other Host header is refused. */
    names: z.array(z.string().min(1)).default([]),
  }),
  /** The site's key, from which the passwords of machines are derived. */
  siteKey: z.string().min(16),
  /** People who may log in. */
  accounts: z.array(accountSchema).default([]),
  /** The token of the login link that `lattice up` prints. */
  accessToken: z.string().min(16),
  brokers: z.array(z.strictObject({ id: meshName, host: z.string(), port })).min(1),
  gateways: z.array(z.strictObject({ id: meshName, http: z.url() })).default([]),
  store: z.strictObject({
    url: z.url(),
    database: z.string().min(1),
    /** Left out: the console's own account, with the password that follows from the site key. */
    username: z.string().optional(),
    password: z.string().optional(),
  }),
});

export type ConsoleConfig = z.output<typeof consoleConfigSchema>;
