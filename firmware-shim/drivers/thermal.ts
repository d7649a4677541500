import { readNumber, type SensorFs } from '../sensor-fs.ts';
import type { Driver, Sample } from './driver.ts';

const FOLDER = 'sys/class/thermal';
const MILLI = 1_000;
/** What processors' zones are called: x86_pkg_temp, cpu-thermal (Raspberry Pi), soc_thermal, TCPU … */
const CPU_ZONE = /cpu|pkg|soc|package/i;

/** Thermal zones, m°C. Documentation/driver-api/thermal/sysfs-api.rst and ABI/testing/sysfs-class-thermal. */
export const readThermalZones: Driver = async (fs) => {
  const samples: Sample[] = [];
  for (const zone of await thermalZones(fs)) {
    const milliCel = await readNumber(fs, `${zone.path}/temp`);
    if (milliCel === undefined) continue;
    const metric = CPU_ZONE.test(zone.type) ? 'cpu_temperature' : 'temperature';
    samples.push({ sensor: zone.path, metric, value: milliCel / MILLI });
  }
  return samples;
};

/** The zones with their types; hwmon shows them a second time under a name made of the type. */
export async function thermalZones(fs: SensorFs): Promise<{ path: string; type: string }[]> {
  const names = (await fs.list(FOLDER)).filter((name) => /^thermal_zone\d+$/.test(name));
  return Promise.all(
    names.map(async (name) => {
      const path = `${FOLDER}/${name}`;
      return { path, type: (await fs.read(`${path}/type`)) ?? '' };
    }),
  );
}
