import { hostname } from 'node:os';
import { z } from 'zod';
import { timeServerSchema } from '../core/mesh-clock/index.ts';
import { brokerUrlSchema, isMeshName } from '../core/wire/index.ts';
import { DRIVER_NAMES, type DriverName } from './sensors.ts';

const MIB = 1024 * 1024;

const name = z.string().refine(isMeshName, 'a name is 1 to 64 letters, digits, dots, dashes and underscores');

const driversSchema = z.strictObject(
  Object.fromEntries(DRIVER_NAMES.map((driver) => [driver, z.boolean().default(true)])) as Record<
    DriverName,
    z.ZodDefault<z.ZodBoolean>
  >,
);

/** The configuration of one shim. */
export const shimConfigSchema = z
  .strictObject({
    /** What the device is called in topics. Default: the machine's host name. */
    device: name.default(() => meshNameOf(hostname())),
    site: name.default('home'),
    brokers: z.array(brokerUrlSchema).min(1).default(['mqtt://127.0.0.1:1883']),
    username: z.string().optional(),
    password: z.string().optional(),
    /** Instead of a password: the device logs in under its own name with the password that the site's key gives it. */
    siteKey: z.string().min(1).optional(),
    /** PEM file of the authority that signed the brokers' certificates. */
    caFile: z.string().optional(),
    /** Where readings wait on disk for the broker. */
    dataDir: z.string().min(1),
    intervalMs: z.int().min(100).max(86_400_000).default(5_000),
    /** Folder that holds sys/ and proc/. */
    sysfsRoot: z.string().default('/'),
    /** A Unix socket that takes readings from other local programs. Left out: none. */
    socketPath: z.string().min(1).optional(),
    buffer: z
      .strictObject({
        /** Bound of the readings on disk; beyond it the oldest are dropped, counted and declared in a gap record. */
        bytesMax: z
          .int()
          .min(64 * 1024)
          .default(64 * MIB),
      })
      .prefault({}),
    drivers: driversSchema.prefault({}),
    time: z
      .strictObject({
        /**
         * `mqtt`: follows the gateways' time through the brokers. `udp`: by datagrams to `servers`, which is more exact. `system`:
         * takes the machine's clock as it is.
         */
        mode: z.enum(['mqtt', 'udp', 'system']).default('mqtt'),
        /** Of gateways, as host:port; for `udp`. */
        servers: z.array(timeServerSchema).max(16).default([]),
        /** How long readings of an unknown time wait for the mesh's, once there is a connection, before they are published as they are. */
        waitMsMax: z.int().min(0).max(3_600_000).default(10_000),
      })
      .prefault({}),
    /** Readings under way without a PUBACK. */
    windowMax: z.int().min(1).max(1_000).default(64),
    /** Place of the device, for people. */
    area: z.string().max(128).optional(),
  })
  .superRefine((config, context) => {
    if (config.password !== undefined && config.username === undefined) {
      context.addIssue({ code: 'custom', path: ['username'], message: 'a password needs a user name' });
    }
    if (config.username !== undefined && config.password === undefined && config.siteKey === undefined) {
      context.addIssue({ code: 'custom', path: ['password'], message: 'a user name needs a password' });
    }
    if (config.username !== undefined && config.siteKey !== undefined) {
      const message = 'with the site key the device logs in under its own name; leave the user name out';
      context.addIssue({ code: 'custom', path: ['username'], message });
    }
    if (config.password !== undefined && config.siteKey !== undefined) {
      context.addIssue({ code: 'custom', path: ['siteKey'], message: 'give a password or the site key, not both' });
    }
    if (config.time.mode === 'udp' && config.time.servers.length === 0) {
      context.addIssue({ code: 'custom', path: ['time', 'servers'], message: 'time over UDP needs a server' });
    }
    if (config.time.mode === 'udp' && config.siteKey === undefined && config.password === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['siteKey'],
        message: 'time over UDP needs the site key or a password',
      });
    }
    if (config.time.mode !== 'udp' && config.time.servers.length > 0) {
      context.addIssue({ code: 'custom', path: ['time', 'servers'], message: 'servers are for the mode udp' });
    }
  });
export type ShimConfig = z.infer<typeof shimConfigSchema>;

/** A host name with everything that cannot stand in a topic replaced. */
export function meshNameOf(host: string): string {
  const text = host.replace(/[^A-Za-z0-9._-]/g, '-').slice(0, 64);
  return isMeshName(text) ? text : 'shim';
}
