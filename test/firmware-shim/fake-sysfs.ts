import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The files of a Raspberry Pi 4 with a BME280 on I2C, a fan controller and a battery, as its kernel shows them. */
const PI: Record<string, string> = {
  'sys/bus/iio/devices/iio:device0/name': 'bme280',
  'sys/bus/iio/devices/iio:device0/in_temp_input': '21530',
  'sys/bus/iio/devices/iio:device0/in_humidityrelative_input': '40217',
  'sys/bus/iio/devices/iio:device0/in_pressure_input': '101.325000000',
  'sys/bus/iio/devices/iio:device1/name': 'ads1015',
  'sys/bus/iio/devices/iio:device1/in_voltage0_raw': '1100',
  'sys/bus/iio/devices/iio:device1/in_voltage0_scale': '3.000000000',
  'sys/class/thermal/thermal_zone0/type': 'cpu-thermal',
  'sys/class/thermal/thermal_zone0/temp': '48312',
  // The zone shows up again as a chip; it is one sensor.
  'sys/class/hwmon/hwmon0/name': 'cpu_thermal',
  'sys/class/hwmon/hwmon0/temp1_input': '48312',
  'sys/class/hwmon/hwmon1/name': 'emc2305',
  'sys/class/hwmon/hwmon1/fan1_input': '2480',
  'sys/class/hwmon/hwmon1/temp1_input': '35000',
  'sys/class/hwmon/hwmon1/temp2_input': '127000',
  'sys/class/hwmon/hwmon1/temp2_fault': '1',
  'sys/class/power_supply/battery/type': 'Battery',
  'sys/class/power_supply/battery/capacity': '87',
  'sys/class/power_supply/battery/voltage_now': '3987000',
  'proc/loadavg': '0.52 0.58 0.59 2/345 12345',
  'proc/meminfo': 'MemTotal:        4000000 kB\nMemFree:          500000 kB\nMemAvailable:    3000000 kB',
  'proc/uptime': '12345.67 45678.90',
};

export class FakeSysfs {
  readonly root: string;

  private constructor(root: string) {
    this.root = root;
  }

  static async create(files: Record<string, string> = PI): Promise<FakeSysfs> {
    const fake = new FakeSysfs(await mkdtemp(join(tmpdir(), 'lattice-sysfs-')));
    for (const [path, text] of Object.entries(files)) await fake.write(path, text);
    return fake;
  }

  async write(path: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.root, path)), { recursive: true });
    await writeFile(join(this.root, path), `${text}\n`);
  }

  /** Removes a device's folder, as the kernel does when it is unplugged. */
  async unplug(path: string): Promise<void> {
    await rm(join(this.root, path), { recursive: true });
  }

  async remove(): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}
