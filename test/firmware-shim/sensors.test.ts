import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock, VirtualClock } from '../../core/time/index.ts';
import { nodeSensorFs } from '../../firmware-shim/sensor-fs.ts';
import { Sensors } from '../../firmware-shim/sensors.ts';
import { FakeSysfs } from './fake-sysfs.ts';

it('a driver that hangs is left out after 2 s, and not started again before it is back', async () => {
  const clock = new VirtualClock();
  const blocked = Promise.withResolvers<string>();
  let reads = 0;
  const late: string[] = [];
  const sensors = new Sensors({
    clock,
    fs: {
      read: async (path) => {
        if (path === 'proc/loadavg') return '0.5 0.6 0.7 1/2 3';
        if (path !== 'proc/uptime') return undefined;
        reads++;
        return blocked.promise;
      },
      list: async () => [],
      space: async () => undefined,
    },
    onLate: (driver) => late.push(driver),
  });
  const first = sensors.read();
  await new Promise((resolve) => setImmediate(resolve));
  clock.advance(2_000);
  expect(await first).toEqual({ load1: 0.5, load5: 0.6 });
  expect(await sensors.read()).toEqual({ load1: 0.5, load5: 0.6 });
  expect([reads, late]).toEqual([1, ['uptime']]);
  blocked.resolve('12');
  await new Promise((resolve) => setImmediate(resolve));
  expect(await sensors.read()).toEqual({ load1: 0.5, load5: 0.6, uptime: 12 });
});

describe('the sensors of a Pi', () => {
  let sysfs: FakeSysfs;
  let sensors: Sensors;
  beforeEach(async () => {
    sysfs = await FakeSysfs.create();
    sensors = new Sensors({ fs: nodeSensorFs(sysfs.root), clock: systemClock });
  });
  afterEach(() => sysfs.remove());

  it('are read in the units of the metric table, each once', async () => {
    const { disk_used, ...others } = await sensors.read();
    expect(others).toEqual({
      temperature: 21.53,
      humidity: 40.217,
      pressure: 1013.25,
      voltage: 3.3,
      cpu_temperature: 48.312,
      temperature_2: 35,
      fan_speed: 2480,
      battery: 87,
      voltage_2: 3.987,
      load1: 0.52,
      load5: 0.58,
      memory_used: 25,
      uptime: 12345.67,
    });
    expect(disk_used).toBeGreaterThan(0);
    expect(disk_used).toBeLessThanOrEqual(100);
  });

  it('that are unplugged vanish, keep others their names, and come back under their own', async () => {
    const before = await sensors.read();
    await sysfs.unplug('sys/bus/iio/devices/iio:device0');
    const without = await sensors.read();
    const gone = Object.keys(before).filter((name) => !(name in without));
    expect(gone.sort()).toEqual(['humidity', 'pressure', 'temperature']);
    expect(without['temperature_2']).toBe(35);
    await sysfs.write('sys/bus/iio/devices/iio:device0/in_temp_input', '19000');
    expect(await sensors.read()).toMatchObject({ temperature: 19, temperature_2: 35 });
  });

  it('that give nonsense or nothing are left out, and the others go on', async () => {
    await sensors.read();
    await sysfs.write('sys/class/thermal/thermal_zone0/temp', 'garbage');
    await sysfs.write('sys/bus/iio/devices/iio:device0/in_temp_input', '');
    await sysfs.write('proc/meminfo', 'nothing');
    await sysfs.write('proc/loadavg', '');
    const metrics = await sensors.read();
    for (const name of ['cpu_temperature', 'temperature', 'memory_used', 'load1'])
      expect(metrics).not.toHaveProperty(name);
    expect(metrics).toMatchObject({ humidity: 40.217, fan_speed: 2480 });
  });

  it('can be switched off by driver', async () => {
    const some = new Sensors({
      fs: nodeSensorFs(sysfs.root),
      clock: systemClock,
      isEnabled: (driver) => driver === 'load',
    });
    expect(Object.keys(await some.read())).toEqual(['load1', 'load5']);
  });

  it('of a machine without any are none', async () => {
    const empty = await FakeSysfs.create({});
    const some = new Sensors({
      fs: nodeSensorFs(empty.root),
      clock: systemClock,
      isEnabled: (driver) => driver !== 'disk',
    });
    expect(await some.read()).toEqual({});
    await empty.remove();
  });
});
