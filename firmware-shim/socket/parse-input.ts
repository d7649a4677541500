import { LatticeError } from '../../core/errors/index.ts';
import { encodeReading, isMetricName, type MetricValue, parseReading } from '../../core/wire/index.ts';
import { type Line, parseLine } from './line-protocol.ts';

/**
 * What local programs may write to the socket, one reading per line, both forms mixed at will:
 *
 *     {"temperature":21.5,"humidity":40}                    a JSON object: the payload of a state topic, ts included
 *     temperature value=21.5                                line protocol: field `value` is the measurement itself
 *     reading temperature=21.5,humidity=40                  measurement `reading`: fields are the metrics
 *     bme280 temperature=21.5 1763800000000000000           otherwise measurement and field: bme280_temperature
 *     temperature,room=kitchen value=21.5                   values of tags follow the measurement: temperature_kitchen
 *
 * Tags follow in the order of their keys; the tag `host` is left out, since all of it is this device's. Characters that a
 * metric cannot have become underscores. All readings are the shim's own device's: seq and boot of a JSON line are
 * left out, a device is not chosen here.
 */
export interface LocalReading {
  metrics: Record<string, MetricValue>;
  tsMs: number | undefined;
}

const NS_PER_MS = 1_000_000n;
const PLAIN_MEASUREMENT = 'reading';
const PLAIN_FIELD = 'value';

/** Throws LINE_PROTOCOL, SOCKET_INPUT or one of the READING_ codes. */
export function parseInput(line: string, nowWallMs: number): LocalReading {
  if (line.startsWith('{')) return check(Buffer.from(line), nowWallMs);
  const parsed = parseLine(line);
  const metrics = metricsOf(parsed);
  const tsMs = parsed.timeNs === undefined ? undefined : Number(parsed.timeNs / NS_PER_MS);
  // The same limits for both forms, from the one place that knows them.
  const payload = encodeReading({ tsMs, seq: undefined, boot: undefined, timeQuality: 'est', metrics });
  return check(Buffer.from(payload), nowWallMs);
}

function check(payload: Uint8Array, nowWallMs: number): LocalReading {
  const { metrics, tsMs } = parseReading(payload, nowWallMs);
  return { metrics, tsMs };
}

function metricsOf({ measurement, tags, fields }: Line): Record<string, MetricValue> {
  const prefix = [
    ...(measurement === PLAIN_MEASUREMENT ? [] : [measurement]),
    ...[...tags.keys()]
      .filter((key) => key !== 'host')
      .sort()
      .map((key) => tags.get(key) as string),
  ];
  const metrics: Record<string, MetricValue> = {};
  for (const [field, value] of fields) {
    const isWhole = field === PLAIN_FIELD && prefix.length > 0;
    const name = [...prefix, ...(isWhole ? [] : [field])].join('_').replace(/[^A-Za-z0-9_]/g, '_');
    if (!isMetricName(name))
      throw new LatticeError('SOCKET_INPUT', `"${name.slice(0, 80)}" cannot be the name of a metric.`);
    metrics[name] = value;
  }
  return metrics;
}
