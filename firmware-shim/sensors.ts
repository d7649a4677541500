import { type Clock, delay } from '../core/time/index.ts';
import { type MetricValue, metricOf, READING_LIMITS } from '../core/wire/index.ts';
import { readDisk } from './drivers/disk.ts';
import type { Driver, Sample } from './drivers/driver.ts';
import { readHwmon } from './drivers/hwmon.ts';
import { readIio } from './drivers/iio.ts';
import { readLoad } from './drivers/load.ts';
import { readMemory } from './drivers/memory.ts';
import { readBatteries } from './drivers/power-supply.ts';
import { readThermalZones } from './drivers/thermal.ts';
import { readUptime } from './drivers/uptime.ts';
import type { SensorFs } from './sensor-fs.ts';

/** In the order in which they choose names: a sensor on the bus is `temperature` before something inside the machine. */
const DRIVERS = {
  iio: readIio,
  thermal: readThermalZones,
  hwmon: readHwmon,
  powerSupply: readBatteries,
  load: readLoad,
  memory: readMemory,
  disk: readDisk,
  uptime: readUptime,
} satisfies Record<string, Driver>;

export type DriverName = keyof typeof DRIVERS;
export const DRIVER_NAMES = Object.keys(DRIVERS) as DriverName[];

/** A driver that takes longer is stuck: in a bus that is wedged, or in a file that blocks. */
const DRIVER_TIMEOUT_MS = 2_000;

export interface SensorsOptions {
  fs: SensorFs;
  clock: Clock;
  /** Default: all. */
  isEnabled?: (driver: DriverName) => boolean;
  /** Told of each driver that begins to hang. */
  onLate?: (driver: DriverName) => void;
}

/**
 * All sensors of the machine. The first of a kind has the metric's plain name, further ones `_2`, `_3`. A sensor keeps
 * its name while the process lives, so that one that is unplugged does not make another change its name.
 */
export class Sensors {
  readonly #options: SensorsOptions;
  readonly #drivers: DriverName[];
  /** Drivers that were late and have not come back. */
  readonly #hanging = new Set<DriverName>();
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();

  constructor(options: SensorsOptions) {
    this.#options = options;
    this.#drivers = DRIVER_NAMES.filter(options.isEnabled ?? (() => true));
  }

  /**
   * The values now, after at most DRIVER_TIMEOUT_MS. A sensor that is gone or gives an error is left out; so are all of a
   * driver that is late, which is not started again before it has come back.
   */
  async read(): Promise<Record<string, MetricValue>> {
    const samples = await Promise.all(this.#drivers.map((driver) => this.#samplesOf(driver)));
    const metrics: Record<string, MetricValue> = {};
    for (const sample of samples.flat()) {
      const name = this.#nameOf(sample);
      if (name !== undefined) metrics[name] = rounded(name, sample.value);
    }
    return metrics;
  }

  async #samplesOf(name: DriverName): Promise<Sample[]> {
    if (this.#hanging.has(name)) return [];
    const { fs, clock, onLate } = this.#options;
    const driver: Driver = DRIVERS[name];
    const inTime = new AbortController();
    const reading = driver(fs).finally(() => {
      inTime.abort();
      this.#hanging.delete(name);
    });
    await delay(clock, DRIVER_TIMEOUT_MS, inTime.signal);
    if (inTime.signal.aborted) return reading;
    this.#hanging.add(name);
    onLate?.(name);
    return [];
  }

  #nameOf({ sensor, metric }: Sample): string | undefined {
    const known = this.#names.get(sensor);
    if (known !== undefined) return known;
    if (this.#names.size >= READING_LIMITS.metricsMax) return undefined;
    let name: string = metric;
    for (let number = 2; this.#taken.has(name); number++) name = `${metric}_${number}`;
    this.#taken.add(name);
    this.#names.set(sensor, name);
    return name;
  }
}

/** Two digits more than a person is shown: sums of noise are not worth their bytes. */
function rounded(name: string, value: number): number {
  const scale = 10 ** ((metricOf(name)?.decimals ?? 2) + 2);
  return Math.round(value * scale) / scale;
}
