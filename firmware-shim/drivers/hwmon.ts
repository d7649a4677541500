import type { MetricName } from '../../core/wire/index.ts';
import { readNumber, type SensorFs } from '../sensor-fs.ts';
import type { Driver, Sample } from './driver.ts';
import { thermalZones } from './thermal.ts';

const FOLDER = 'sys/class/hwmon';

/** Attributes and what one unit of theirs is. Documentation/hwmon/sysfs-interface.rst. */
const KINDS: Record<string, { metric: MetricName; scale: number }> = {
  temp: { metric: 'temperature', scale: 1e-3 },
  humidity: { metric: 'humidity', scale: 1e-3 },
  fan: { metric: 'fan_speed', scale: 1 },
  in: { metric: 'voltage', scale: 1e-3 },
  curr: { metric: 'current', scale: 1e-3 },
  power: { metric: 'power', scale: 1e-6 },
};

const ATTRIBUTE = /^((temp|humidity|fan|in|curr|power)\d+)_input$/;
/** Chips that measure the processor. */
const CPU_CHIP = /^(coretemp|k10temp|zenpower|cpu_thermal|soc_thermal)$/;

/** Hardware monitoring chips: temperatures, fans, voltages, currents, powers, humidities. */
export const readHwmon: Driver = async (fs) => {
  // thermal_hwmon.c registers each thermal zone here as well, its type with underscores for dashes.
  const zones = new Set((await thermalZones(fs)).map(({ type }) => type.replaceAll('-', '_')));
  const samples: Sample[] = [];
  for (const name of await fs.list(FOLDER)) {
    const path = `${FOLDER}/${name}`;
    const chip = (await fs.read(`${path}/name`)) ?? '';
    if (!zones.has(chip)) samples.push(...(await readChip(fs, path, chip)));
  }
  return samples;
};

async function readChip(fs: SensorFs, path: string, chip: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const attribute of await fs.list(path)) {
    const match = ATTRIBUTE.exec(attribute);
    if (match === null) continue;
    const [, sensor, kind] = match as unknown as [string, string, string];
    const { metric, scale } = KINDS[kind] as { metric: MetricName; scale: number };
    const raw = await readNumber(fs, `${path}/${attribute}`);
    // A chip says by _fault that a probe is broken or not plugged in; the value is meaningless then.
    if (raw === undefined || (await readNumber(fs, `${path}/${sensor}_fault`)) === 1) continue;
    const isCpu = kind === 'temp' && CPU_CHIP.test(chip);
    samples.push({ sensor: `${path}/${sensor}`, metric: isCpu ? 'cpu_temperature' : metric, value: raw * scale });
  }
  return samples;
}
