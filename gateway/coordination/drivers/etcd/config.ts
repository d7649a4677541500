import { z } from 'zod';

/** An etcd cluster that the site's gateways agree through, instead of by themselves. */
export const etcdDriverSchema = z
  .strictObject({
    driver: z.literal('etcd'),
    /** Its members, each with its protocol: all http or all https. */
    endpoints: z.array(z.url({ protocol: /^https?$/ })).min(1),
    username: z.string().min(1).optional(),
    password: z.string().optional(),
    /** PEM files: whom to trust, and what to show to a server that asks for it. */
    caFile: z.string().min(1).optional(),
    certFile: z.string().min(1).optional(),
    keyFile: z.string().min(1).optional(),
    /** Stands before every key, so that a cluster can be shared. */
    prefix: z.string().min(1).default('lattice/'),
  })
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    message: 'username and password belong together',
    path: ['password'],
  })
  .refine(({ certFile, keyFile }) => (certFile === undefined) === (keyFile === undefined), {
    message: 'certFile and keyFile belong together',
    path: ['keyFile'],
  })
  .refine(({ certFile, caFile }) => certFile === undefined || caFile !== undefined, {
    message: 'certFile needs caFile',
    path: ['caFile'],
  })
  .refine(({ endpoints }) => new Set(endpoints.map((endpoint) => endpoint.split(':')[0])).size < 2, {
    message: 'endpoints are all http or all https',
    path: ['endpoints'],
  });

export type EtcdDriverConfig = z.output<typeof etcdDriverSchema>;
