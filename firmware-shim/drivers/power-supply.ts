import { readNumber } from '../sensor-fs.ts';
import type { Driver, Sample } from './driver.ts';

const FOLDER = 'sys/class/power_supply';
const MICRO = 1e-6;

/** Batteries: charge in %, voltage (µV), current (µA). Documentation/ABI/testing/sysfs-class-power. */
export const readBatteries: Driver = async (fs) => {
  const samples: Sample[] = [];
  for (const name of await fs.list(FOLDER)) {
    const path = `${FOLDER}/${name}`;
    // `present` is 0 while the battery's bay is empty; its other values mean nothing then.
    if ((await fs.read(`${path}/type`)) !== 'Battery' || (await fs.read(`${path}/present`)) === '0') continue;
    const capacity = await readNumber(fs, `${path}/capacity`);
    const voltage = await readNumber(fs, `${path}/voltage_now`);
    const current = await readNumber(fs, `${path}/current_now`);
    if (capacity !== undefined) samples.push({ sensor: `${path}/capacity`, metric: 'battery', value: capacity });
    if (voltage !== undefined) samples.push({ sensor: `${path}/voltage`, metric: 'voltage', value: voltage * MICRO });
    if (current !== undefined) samples.push({ sensor: `${path}/current`, metric: 'current', value: current * MICRO });
  }
  return samples;
};
