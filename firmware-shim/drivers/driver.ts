import type { MetricName } from '../../core/wire/index.ts';
import type { SensorFs } from '../sensor-fs.ts';

/** One value of one sensor. A sensor that does not answer gives no sample: never a stale value. */
export interface Sample {
  /** Which sensor, the same as long as it stays plugged in: the driver's path of it. */
  sensor: string;
  metric: MetricName;
  value: number;
}

/** Reads all sensors of one kind; finds them anew each time, so that they can be plugged in and out. Never rejects. */
export type Driver = (fs: SensorFs) => Promise<Sample[]>;
