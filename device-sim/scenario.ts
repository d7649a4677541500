import { z } from 'zod';
import { loadConfig } from '../core/config/index.ts';
import { LatticeError } from '../core/errors/index.ts';
import { brokerUrlSchema, isMeshName } from '../core/wire/index.ts';
import { clockFaultSchema } from './clock/index.ts';
import { DEFAULT_METRICS, metricsSchema } from './generators/metrics.ts';
import { MOTE_COUNT } from './replay/motes.ts';

const name = z.string().refine(isMeshName, 'a name is 1 to 64 letters, digits, dots, dashes and underscores');
const qos = z.union([z.literal(0), z.literal(1)]).default(1);

const simulatedFleetSchema = z.strictObject({
  kind: z.literal('simulated'),
  /** Devices are called {prefix}-001 and so on. */
  prefix: name.default('sim'),
  count: z.int().min(1).max(100_000),
  intervalMs: z.int().min(10).max(86_400_000).default(1_000),
  /** Spreads the devices over the interval; without it all of them send at once. */
  phaseJitter: z.boolean().default(true),
  qos,
  /** Devices of one room see the same swings of the room. */
  devicesPerRoom: z.int().min(1).default(4),
  metrics: metricsSchema.default(DEFAULT_METRICS),
  /** What is wrong with the clock of each of them. Left out: they have the clock of this machine. */
  clock: clockFaultSchema.optional(),
});
export type SimulatedFleet = z.infer<typeof simulatedFleetSchema>;

const moteReplayFleetSchema = z.strictObject({
  kind: z.literal('mote-replay'),
  /** Devices are called {prefix}-1 to {prefix}-4. */
  prefix: name.default('mote'),
  /** 1 replays as recorded, a reading every 5 s; 10 replays one every 0.5 s. Starts again at the end. */
  speed: z.number().min(0.01).max(500).default(1),
  qos,
  /** Publishes the data set's label too: 1 where somebody made an event on purpose, else 0. */
  withLabel: z.boolean().default(false),
});
export type MoteReplayFleet = z.infer<typeof moteReplayFleetSchema>;

export const scenarioSchema = z
  .strictObject({
    /** The same seed gives the same values. Left out: made at random and printed. */
    seed: z.union([z.string().min(1), z.number()]).optional(),
    site: name.default('home'),
    brokers: z.array(brokerUrlSchema).min(1).default(['mqtt://127.0.0.1:1883']),
    /** One account for all devices (an operator's). */
    username: z.string().optional(),
    password: z.string().optional(),
    /** Instead: each device logs in under its own name, its password derived from the site's key. */
    siteKey: z.string().min(1).optional(),
    /** What devices stamp by: their own clocks, or the gateways' time, which they ask for through the brokers. */
    time: z.enum(['system', 'mesh']).default('system'),
    /** Hour of the day that the fleet believes to start at. */
    startHour: z.number().min(0).max(24).default(8),
    /** Devices come up spread over this time. Default: 5 ms a device. */
    rampUpMs: z.int().min(0).optional(),
    /** Connects under way at once. */
    connectConcurrencyMax: z.int().min(1).default(50),
    /**
     * Readings that a device keeps while they are unacknowledged; at the bound the oldest that was never sent is dropped,
     * counted, and declared in a gap record. Default: 200,000 divided by the devices, from 100 to 5,000.
     */
    queueReadingsMax: z.int().min(10).optional(),
    /** Readings of one device that may be under way without a PUBACK. */
    windowMax: z.int().min(1).max(1_000).default(20),
    /** Left out: runs until it is told to stop. */
    stop: z
      .strictObject({
        afterS: z.number().positive().optional(),
        afterReadings: z.int().min(1).optional(),
      })
      .default({}),
    fleets: z.array(z.discriminatedUnion('kind', [simulatedFleetSchema, moteReplayFleetSchema])).min(1),
  })
  .superRefine((scenario, context) => {
    if ((scenario.username === undefined) !== (scenario.password === undefined)) {
      context.addIssue({ code: 'custom', path: ['password'], message: 'username and password come together' });
    }
    const owners = new Map<string, number>();
    scenario.fleets.forEach((fleet, index) => {
      for (const id of deviceIds(fleet)) {
        const owner = owners.get(id);
        if (owner === undefined) owners.set(id, index);
        if (isMeshName(id) && owner === undefined) continue;
        const message =
          owner === undefined
            ? `makes the name "${id}", which is too long`
            : `makes "${id}" too, as fleets.${owner} does`;
        context.addIssue({ code: 'custom', path: ['fleets', index, 'prefix'], message });
        return;
      }
    });
  });
export type Scenario = z.infer<typeof scenarioSchema>;
export type ScenarioInput = z.input<typeof scenarioSchema>;

const ID_DIGITS_MIN = 3;

/** The devices of a fleet, in order. */
export function deviceIds(fleet: SimulatedFleet | MoteReplayFleet): string[] {
  if (fleet.kind === 'mote-replay') return Array.from({ length: MOTE_COUNT }, (_, i) => `${fleet.prefix}-${i + 1}`);
  const digits = Math.max(ID_DIGITS_MIN, String(fleet.count).length);
  return Array.from({ length: fleet.count }, (_, i) => `${fleet.prefix}-${String(i + 1).padStart(digits, '0')}`);
}

/** Reads a scenario file. Throws CONFIG_UNREADABLE, or SCENARIO_INVALID naming every fault with its path. */
export function loadScenario(file: string): Scenario {
  return loadConfig(file, scenarioSchema, 'SCENARIO_INVALID');
}

/** Checks a scenario that was put together in memory. Throws SCENARIO_INVALID naming every fault with its path. */
export function parseScenario(input: unknown): Scenario {
  const result = scenarioSchema.safeParse(input);
  if (result.success) return result.data;
  const faults = result.error.issues.map(
    (issue) => `  ${issue.path.map(String).join('.') || '(top)'}: ${issue.message}`,
  );
  throw new LatticeError('SCENARIO_INVALID', `The scenario has faults:\n${faults.join('\n')}\n`);
}
