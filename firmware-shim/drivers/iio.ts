import type { MetricName } from '../../core/wire/index.ts';
import { readNumber, type SensorFs } from '../sensor-fs.ts';
import type { Driver, Sample } from './driver.ts';

const FOLDER = 'sys/bus/iio/devices';

/**
 * Channels, and what one unit of theirs is after offset and scale: m°C, m%, kPa, lx, mV, mA, mW, % of the air.
 * Documentation/ABI/testing/sysfs-bus-iio.
 */
const CHANNELS: { channel: RegExp; metric: MetricName; scale: number }[] = [
  { channel: /^in_temp\d*$/, metric: 'temperature', scale: 1e-3 },
  { channel: /^in_humidityrelative\d*$/, metric: 'humidity', scale: 1e-3 },
  { channel: /^in_pressure\d*$/, metric: 'pressure', scale: 10 },
  { channel: /^in_illuminance\d*$/, metric: 'illuminance', scale: 1 },
  { channel: /^in_concentration\d*_co2$/, metric: 'co2', scale: 1e4 },
  { channel: /^in_voltage\d*$/, metric: 'voltage', scale: 1e-3 },
  { channel: /^in_current\d*$/, metric: 'current', scale: 1e-3 },
  { channel: /^in_power\d*$/, metric: 'power', scale: 1e-3 },
];

/** Industrial I/O sensors: BME280, SHT3x, BH1750, SCD30 and others that a device-tree overlay binds to a kernel driver. */
export const readIio: Driver = async (fs) => {
  const samples: Sample[] = [];
  for (const name of await fs.list(FOLDER)) {
    if (!/^iio:device\d+$/.test(name)) continue;
    const path = `${FOLDER}/${name}`;
    const attributes = await fs.list(path);
    const channels = new Set(attributes.flatMap((attribute) => /^(in_.+)_(?:input|raw)$/.exec(attribute)?.[1] ?? []));
    for (const channel of channels) {
      const kind = CHANNELS.find((entry) => entry.channel.test(channel));
      if (kind === undefined) continue;
      const value = await readChannel(fs, path, channel);
      if (value !== undefined)
        samples.push({ sensor: `${path}/${channel}`, metric: kind.metric, value: value * kind.scale });
    }
  }
  return samples;
};

/** `_input` is processed already; `_raw` becomes (raw + offset) · scale, with attributes of the channel or of its kind. */
async function readChannel(fs: SensorFs, path: string, channel: string): Promise<number | undefined> {
  const processed = await readNumber(fs, `${path}/${channel}_input`);
  if (processed !== undefined) return processed;
  const raw = await readNumber(fs, `${path}/${channel}_raw`);
  if (raw === undefined) return undefined;
  const kind = channel.replace(/\d+(?=$|_)/, '');
  const either = async (suffix: string): Promise<number | undefined> =>
    (await readNumber(fs, `${path}/${channel}_${suffix}`)) ?? (await readNumber(fs, `${path}/${kind}_${suffix}`));
  return (raw + ((await either('offset')) ?? 0)) * ((await either('scale')) ?? 1);
}
