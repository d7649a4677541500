import { z } from 'zod';
import { isMeshName } from '../../core/wire/index.ts';
import { AVERAGE_NAMES, CLOCK_NODE_DEFAULTS } from './core/index.ts';
import { deviceTimeSchema } from './devices/index.ts';
import { referenceSchema } from './reference/index.ts';

const meshName = z.string().refine(isMeshName, '1 to 64 letters, digits, dots, dashes or underscores');
const port = z.int().min(0).max(65_535);
const listen = z.strictObject({ host: z.string().min(1).default('127.0.0.1'), port });

/** How the gateways of a site agree on time. Taken part in by gateways that agree at all (`agreement`). */
export const clockConfigSchema = z.strictObject({
  /** Between two rounds of the master, which is the leader of the site. */
  roundMs: z.int().min(100).max(60_000).default(CLOCK_NODE_DEFAULTS.roundMs),
  /** Probes to each other gateway in a round. */
  probesPerRound: z.int().min(1).max(64).default(CLOCK_NODE_DEFAULTS.probesPerRound),
  /**
   * `cluster`: the mean of the largest set of clocks within gammaMs of each other. `median`: of those within gammaMs around the median of
   * the trusted ones; for sites whose machines are of one model and may share an error.
   */
  average: z.enum(AVERAGE_NAMES).default(CLOCK_NODE_DEFAULTS.average),
  gammaMs: z.number().positive().max(60_000).default(CLOCK_NODE_DEFAULTS.gammaMs),
  trusted: z.array(meshName).max(64).default([]),
  /** An uncertainty beyond this is an alarm. */
  uncertaintyMsMax: z.number().positive().default(CLOCK_NODE_DEFAULTS.uncertaintyMsMax),
  /** Where probes of the others are answered, UDP; the address and port number of `agreement.listen` when left out. */
  probe: listen.optional(),
  /** Where the others answer probes, where that does not follow from `agreement.members` (etcd, or ports of their own). */
  peers: z
    .array(z.strictObject({ name: meshName, host: z.string().min(1), port: port.min(1) }))
    .max(64)
    .default([]),
  /** Where UTC comes from while this gateway leads; without one the mesh's time is relative. */
  reference: referenceSchema.optional(),
  /** Answers NTP clients (`chronyd`, `ntpdate`, microcontrollers) with the mesh's time. */
  ntp: listen.optional(),
  /** Devices and brokers that follow the mesh's time. */
  devices: deviceTimeSchema.prefault({}),
});
export type ClockConfig = z.output<typeof clockConfigSchema>;
