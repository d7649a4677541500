import { z } from 'zod';
import { isMetricName } from '../../core/wire/index.ts';

const noise = z.strictObject({
  sd: z.number().min(0),
  timeS: z.number().positive(),
});

const common = {
  /** Digits kept behind the point. */
  decimals: z.int().min(0).max(6).default(2),
  min: z.number().optional(),
  max: z.number().optional(),
};

const diurnalSchema = z.strictObject({
  kind: z.literal('diurnal'),
  mean: z.number(),
  amplitude: z.number().min(0),
  /** Hour of the day of the highest value. */
  peakHour: z.number().min(0).max(24).default(15),
  /** What this sensor alone sees. */
  noise: noise.optional(),
  /** What every sensor of the room sees. */
  room: noise.optional(),
  /** Standard deviation of the lasting difference between devices. */
  spreadSd: z.number().min(0).default(0),
  ...common,
});

const coupledSchema = z.strictObject({
  kind: z.literal('coupled'),
  /** The metric that this one follows; relative humidity falls as temperature rises, so its slope is negative. */
  to: z.string(),
  mean: z.number(),
  /** Change for each unit that the other lies above its mean. */
  slope: z.number(),
  noise: noise.optional(),
  ...common,
});

const walkSchema = z.strictObject({
  kind: z.literal('walk'),
  start: z.number(),
  sdPerMinute: z.number().min(0),
  ...common,
  min: z.number(),
  max: z.number(),
});

const batterySchema = z.strictObject({
  kind: z.literal('battery'),
  startPercent: z.number().min(0).max(100).default(100),
  /** Devices start at up to this much less, at random. */
  startSpreadPercent: z.number().min(0).max(100).default(0),
  lifetimeH: z.number().positive(),
  ...common,
});

export const metricSchema = z.discriminatedUnion('kind', [diurnalSchema, coupledSchema, walkSchema, batterySchema]);
export type MetricShape = z.infer<typeof metricSchema>;
export type CoupledShape = z.infer<typeof coupledSchema>;

export const metricsSchema = z.record(z.string(), metricSchema).superRefine((metrics, context) => {
  const fault = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
  if (Object.keys(metrics).length === 0) fault([], 'a fleet needs at least one metric');
  for (const [name, shape] of Object.entries(metrics)) {
    if (!isMetricName(name)) fault([name], 'a metric is letters, digits and underscore, starting with a letter');
    if (shape.min !== undefined && shape.max !== undefined && shape.min >= shape.max) {
      fault([name, 'max'], 'must be above min');
    }
    if (shape.kind === 'coupled' && metrics[shape.to]?.kind !== 'diurnal') {
      fault([name, 'to'], `"${shape.to}" is no diurnal metric of this fleet`);
    }
    if (shape.kind === 'walk' && (shape.start < shape.min || shape.start > shape.max)) {
      fault([name, 'start'], 'must lie from min to max');
    }
  }
});
export type MetricShapes = z.infer<typeof metricsSchema>;

/** What a device has when a scenario names no metrics: an indoor climate sensor on a battery. */
export const DEFAULT_METRICS: MetricShapes = metricsSchema.parse({
  temperature: {
    kind: 'diurnal',
    mean: 21.5,
    amplitude: 2,
    noise: { sd: 0.08, timeS: 60 },
    room: { sd: 0.5, timeS: 900 },
    spreadSd: 0.4,
  },
  humidity: {
    kind: 'coupled',
    to: 'temperature',
    mean: 45,
    slope: -2.2,
    noise: { sd: 0.3, timeS: 120 },
    min: 0,
    max: 100,
  },
  co2: { kind: 'walk', start: 650, sdPerMinute: 12, min: 410, max: 1_800, decimals: 0 },
  battery: { kind: 'battery', startSpreadPercent: 40, lifetimeH: 4_000, decimals: 1 },
});
