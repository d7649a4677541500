import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../core/random/index.ts';
import { buildGenerator } from '../../device-sim/generators/generator.ts';
import { DEFAULT_METRICS, metricsSchema } from '../../device-sim/generators/metrics.ts';
import { autoregressive, autoregressiveAt } from '../../device-sim/generators/noise.ts';
import { batteryPercent, diurnal, randomWalk } from '../../device-sim/generators/shapes.ts';

const STEP_MS = 1_000;

function series(length: number, next: () => number): number[] {
  return Array.from({ length }, next);
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function correlation(a: number[], b: number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const covariance = mean(a.map((value, i) => (value - meanA) * ((b[i] as number) - meanB)));
  const sd = (values: number[], centre: number): number => Math.sqrt(mean(values.map((v) => (v - centre) ** 2)));
  return covariance / (sd(a, meanA) * sd(b, meanB));
}

describe('autoregressive noise', () => {
  it('has the stated deviation, and the autocorrelation exp(-Δt/τ)', () => {
    const values = series(20_000, autoregressive(seededRandom(1), { sd: 2, timeS: 10 }, STEP_MS));
    const lag1 = correlation(values.slice(1), values.slice(0, -1));
    expect(lag1).toBeGreaterThan(Math.exp(-0.1) - 0.02);
    expect(lag1).toBeLessThan(Math.exp(-0.1) + 0.02);
    expect(Math.sqrt(mean(values.map((v) => v * v)))).toBeCloseTo(2, 0);
  });

  it('as a function of time goes through the same points and straight between them', () => {
    const shape = { sd: 1, timeS: 30 };
    const points = series(50, autoregressive(seededRandom(2), shape, STEP_MS));
    const at = autoregressiveAt(seededRandom(2), shape, STEP_MS);
    expect(at(0)).toBe(points[0]);
    expect(at(7_000)).toBeCloseTo(points[7] as number, 12);
    expect(at(7_500)).toBeCloseTo(((points[7] as number) + (points[8] as number)) / 2, 12);
    expect(at(40_000)).toBeCloseTo(points[40] as number, 12);
  });
});

describe('shapes', () => {
  it('swing with the day, peaking at the peak hour', () => {
    const shape = { mean: 20, amplitude: 3, peakHour: 15 };
    expect(diurnal(shape, 15)).toBeCloseTo(23);
    expect(diurnal(shape, 3)).toBeCloseTo(17);
    expect(diurnal(shape, 39)).toBeCloseTo(23);
  });

  it('walk at random and stay between their walls', () => {
    const walk = randomWalk(seededRandom(3), { start: 500, sdPerMinute: 400, min: 400, max: 600 }, STEP_MS);
    const values = series(5_000, walk);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(400);
    expect(Math.max(...values)).toBeLessThanOrEqual(600);
    expect(new Set(values).size).toBeGreaterThan(4_900);
  });

  it('discharge a battery from full to empty, never upwards', () => {
    const values = series(101, () => 0).map((_, i) =>
      batteryPercent({ startPercent: 90, lifetimeH: 100 }, i * 3_600_000),
    );
    expect(values[0]).toBe(90);
    expect(values[100]).toBeCloseTo(0);
    expect(values.every((value, i) => i === 0 || value <= (values[i - 1] as number))).toBe(true);
    expect(batteryPercent({ startPercent: 90, lifetimeH: 100 }, 1e12)).toBeCloseTo(0);
  });
});

describe('a device', () => {
  const build = (seed: number, device: string, room: string) => {
    const random = seededRandom(seed);
    const input = { metrics: DEFAULT_METRICS, intervalMs: STEP_MS, startHour: 8 };
    return buildGenerator({ ...input, device: random.fork(device), room: random.fork(room) });
  };
  const run = (seed: number, device: string, room: string, count = 400) => {
    const generator = build(seed, device, room);
    return series(count, () => 0).map((_, i) => generator(i * STEP_MS));
  };
  const temperatures = (values: ReturnType<typeof run>): number[] => values.map((v) => v['temperature'] as number);

  it('gives the same values for the same seed, and others for another', () => {
    expect(run(1, 'a', 'r1')).toEqual(run(1, 'a', 'r1'));
    expect(run(1, 'a', 'r1')).not.toEqual(run(2, 'a', 'r1'));
    expect(run(1, 'a', 'r1')).not.toEqual(run(1, 'b', 'r1'));
  });

  it('moves with its room, and against the humidity', () => {
    const a = run(1, 'a', 'r1', 4_000);
    const sameRoom = correlation(temperatures(a), temperatures(run(1, 'b', 'r1', 4_000)));
    expect(sameRoom).toBeGreaterThan(0.8);
    const humidity = a.map((v) => v['humidity'] as number);
    expect(correlation(temperatures(a), humidity)).toBeLessThan(-0.8);
  });

  it('refuses a coupling to a metric that is not there', () => {
    const result = metricsSchema.safeParse({ humidity: { kind: 'coupled', to: 'nothing', mean: 40, slope: -1 } });
    expect(result.error?.issues.map(({ path }) => path.join('.'))).toEqual(['humidity.to']);
  });
});
