import { z } from 'zod';

const NTP_PORT = 123;

const serverSchema = z.strictObject({
  /** A name or an IP address. */
  host: z.string().min(1).max(255),
  port: z.int().min(1).max(65_535).default(NTP_PORT),
});

export const ntpReferenceSchema = z.strictObject({
  kind: z.literal('ntp'),
  /** One is taken as it is; three or more, so that one that is wrong can be outvoted. */
  servers: z
    .array(serverSchema)
    .min(1)
    .max(16)
    .refine(
      (all) => new Set(all.map(({ host, port }) => `${host} ${port}`)).size === all.length,
      'a server is named twice',
    ),
  /** Time is taken only while so many of the servers give one; half of them, rounded up, unless told: one of three may lie. */
  serversMin: z.int().min(1).max(16).optional(),
  /** Between two requests to one server. A server that finds it too often says so, and is asked half as often. */
  pollMs: z.int().min(4_000).max(1_024_000).default(16_000),
  /** Requests at the start that do not wait for pollMs. */
  burstPackets: z.int().min(4).max(8).default(4),
  burstSpacingMs: z.int().min(250).max(2_000).default(2_000),
  /** What may be further from UTC than this is not used. */
  rootDistanceMsMax: z.number().positive().max(16_000).default(1_000),
  /** How far the machine's monotonic clock may run wrong: 15 where the system disciplines it, 100 for a bare crystal. */
  frequencyTolerancePpm: z.number().min(1).max(500).default(15),
});

export const systemReferenceSchema = z.strictObject({
  kind: z.literal('system'),
  /** Between two looks at what keeps the machine's clock. */
  pollMs: z.int().min(4_000).max(1_024_000).default(16_000),
});

export const referenceSchema = z.discriminatedUnion('kind', [ntpReferenceSchema, systemReferenceSchema]);
export type ReferenceConfig = z.output<typeof referenceSchema>;
export type NtpReferenceConfig = z.output<typeof ntpReferenceSchema>;
export type SystemReferenceConfig = z.output<typeof systemReferenceSchema>;
