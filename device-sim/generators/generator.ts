import type { Random } from '../../core/random/index.ts';
import type { MetricValue } from '../../core/wire/index.ts';
import type { CoupledShape, MetricShape, MetricShapes } from './metrics.ts';
import { autoregressive, autoregressiveAt } from './noise.ts';
import { batteryPercent, diurnal, hoursOf, randomWalk } from './shapes.ts';

/**
 * The values of one device: called once per reading with the time since the fleet's start, which must not go back.
 */
export type Generator = (elapsedMs: number) => Record<string, MetricValue>;

export interface GeneratorInput {
  metrics: MetricShapes;
  intervalMs: number;
  /** Hour of the day at the fleet's start, since values must follow from the seed and not from when it is run. */
  startHour: number;
  /** The device's own stream. */
  device: Random;
  /** A stream that is the same for every device of the room. */
  room: Random;
}

type Source = (elapsedMs: number) => number;

/** Builds a device's generator. Pure: the same input gives the same values. */
export function buildGenerator(input: GeneratorInput): Generator {
  const independent: [string, Source, MetricShape][] = [];
  const coupled: [string, (other: number) => number, CoupledShape, number][] = [];
  for (const [name, shape] of Object.entries(input.metrics)) {
    if (shape.kind === 'coupled') {
      const other = input.metrics[shape.to];
      coupled.push([name, noiseOf(input, name, shape.noise), shape, other?.kind === 'diurnal' ? other.mean : 0]);
    } else {
      independent.push([name, sourceOf(input, name, shape), shape]);
    }
  }
  return (elapsedMs) => {
    const exact: Record<string, number> = {};
    const values: Record<string, MetricValue> = {};
    for (const [name, source, shape] of independent) {
      exact[name] = source(elapsedMs);
      values[name] = finish(exact[name], shape);
    }
    for (const [name, noise, shape, otherMean] of coupled) {
      const deviation = (exact[shape.to] as number) - otherMean;
      values[name] = finish(shape.mean + shape.slope * deviation + noise(elapsedMs), shape);
    }
    return values;
  };
}

function sourceOf(input: GeneratorInput, name: string, shape: Exclude<MetricShape, CoupledShape>): Source {
  const { device, room, intervalMs, startHour } = input;
  const own = device.fork(name);
  switch (shape.kind) {
    case 'diurnal': {
      const offset = shape.spreadSd * own.gaussian();
      const noise = noiseOf(input, name, shape.noise);
      const shared = shape.room === undefined ? nothing : autoregressiveAt(room.fork(name), shape.room, intervalMs);
      return (elapsedMs) =>
        diurnal(shape, startHour + hoursOf(elapsedMs)) + offset + shared(elapsedMs) + noise(elapsedMs);
    }
    case 'walk':
      return randomWalk(own, shape, intervalMs);
    case 'battery': {
      const startPercent = Math.max(0, shape.startPercent - own.next() * shape.startSpreadPercent);
      return (elapsedMs) => batteryPercent({ startPercent, lifetimeH: shape.lifetimeH }, elapsedMs);
    }
  }
}

function noiseOf(input: GeneratorInput, name: string, shape: { sd: number; timeS: number } | undefined): Source {
  return shape === undefined ? nothing : autoregressive(input.device.fork(`${name}/noise`), shape, input.intervalMs);
}

function nothing(): number {
  return 0;
}

function finish(
  value: number,
  shape: { min?: number | undefined; max?: number | undefined; decimals: number },
): number {
  const bounded = Math.min(shape.max ?? value, Math.max(shape.min ?? value, value));
  const scale = 10 ** shape.decimals;
  return Math.round(bounded * scale) / scale;
}
