import type { Random } from '../../core/random/index.ts';

const MS_PER_HOUR = 3_600_000;
const HOURS_PER_DAY = 24;

/** A day's swing: a cosine around the mean with its maximum at peakHour. */
export function diurnal(shape: { mean: number; amplitude: number; peakHour: number }, hourOfDay: number): number {
  return shape.mean + shape.amplitude * Math.cos((2 * Math.PI * (hourOfDay - shape.peakHour)) / HOURS_PER_DAY);
}

export function hoursOf(elapsedMs: number): number {
  return elapsedMs / MS_PER_HOUR;
}

export interface WalkShape {
  start: number;
  /** Standard deviation of the change in one minute; it grows with the root of time. */
  sdPerMinute: number;
  min: number;
  max: number;
}

/** A random walk between two walls that reflect it. Each call gives the value one step of stepMs later. */
export function randomWalk(random: Random, shape: WalkShape, stepMs: number): () => number {
  const stepSd = shape.sdPerMinute * Math.sqrt(stepMs / 60_000);
  let value = shape.start;
  return () => {
    const now = value;
    value = reflect(value + stepSd * random.gaussian(), shape.min, shape.max);
    return now;
  };
}

/** Folds a value back into [min, max], as a ball between two walls. */
function reflect(value: number, min: number, max: number): number {
  const span = max - min;
  const folded = Math.abs(value - min) % (2 * span);
  return min + (folded > span ? 2 * span - folded : folded);
}

/**
 * Charge left of a battery in %, from startPercent to 0 over lifetimeH: even in the middle and faster at the end, since a
 * converter draws more current as the voltage falls.
 */
export function batteryPercent(shape: { startPercent: number; lifetimeH: number }, elapsedMs: number): number {
  const used = Math.min(1, hoursOf(elapsedMs) / shape.lifetimeH);
  return shape.startPercent * (1 - (0.8 * used + 0.2 * used ** 4));
}
