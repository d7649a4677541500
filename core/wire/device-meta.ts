import { z } from 'zod';

/** What a device says of itself, retained under `meta`. */
export const deviceMetaSchema = z.object({
  name: z.string().min(1).max(128),
  /** What made it: `lattice-sim`, `lattice-shim`, or the maker of the hardware. */
  manufacturer: z.string().max(128).default('unknown'),
  model: z.string().max(128).default('unknown'),
  /** Version of the software on the device. */
  software: z.string().max(64).optional(),
  /** Where the readings come from: simulated values, a recorded real data set, or a sensor of a machine. */
  source: z.enum(['simulated', 'replay', 'sensor', 'unknown']).default('unknown'),
  /** The room or place, for people. */
  area: z.string().max(128).optional(),
});

export type DeviceMeta = z.infer<typeof deviceMetaSchema>;
