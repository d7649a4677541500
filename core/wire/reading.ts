import { z } from 'zod';
import { codeOf, LatticeError } from '../errors/index.ts';
import { isMetricName, metricOf } from './metrics.ts';

/**
 * A reading on the wire: flat JSON, as many clients understand it, with a few reserved keys beside the metrics.
 *
 *     {"ts":1763800000000,"seq":17,"boot":"k3f9","tq":"sync","temperature":21.5,"humidity":40.2}
 *
 * ts     device time stamp, wall ms; left out by a device without a clock (the gateway's receipt time stands in)
 * seq    1, 2, 3 … within one boot; left out by a client that does not count (no gap can be found then)
 * boot   which life of the device; 1 to 32 letters, digits, dash, underscore
 * tq     time quality: `sync` (follows a reference), `est` (estimated), `none` (stamped on receipt)
 *
 * All other keys are metrics: finite numbers (those of the metric table are always numbers), booleans or short texts; null means that the sensor has no value now.
 */
export const TIME_QUALITIES = ['sync', 'est', 'none'] as const;
export type TimeQuality = (typeof TIME_QUALITIES)[number];

export type MetricValue = number | boolean | string;

export interface Reading {
  tsMs: number | undefined;
  seq: number | undefined;
  boot: string | undefined;
  timeQuality: TimeQuality;
  metrics: Record<string, MetricValue>;
}

export const READING_LIMITS = {
  payloadBytesMax: 64 * 1024,
  metricsMax: 64,
  textLengthMax: 256,
  /** A stamp this far ahead of the receiver's wall clock is refused. */
  futureMsMax: 5 * 60_000,
  /** 2000-01-01: no sensor of ours is older, so an earlier stamp is a device that booted without a clock. */
  pastWallMs: 946_684_800_000,
} as const;

const HEADER = new Set(['ts', 'seq', 'boot', 'tq']);
/** Names that a point of the store has for something else. */
const NOT_METRICS = new Set(['time', 'site', 'device']);
/** A number above this is a time stamp or a mistake, and would look like so many readings lost. */
const SEQ_MAX = 1_000_000_000_000;

const bootSchema = z.string().regex(/^[A-Za-z0-9_-]{1,32}$/, 'boot is 1 to 32 letters, digits, dashes or underscores');

const headerSchema = z.object({
  ts: z.int().optional(),
  seq: z.int().min(1).max(SEQ_MAX).optional(),
  boot: bootSchema.optional(),
  tq: z.enum(TIME_QUALITIES).optional(),
});

const decoder = new TextDecoder('utf-8', { fatal: true });

/**
 * Parses and checks a payload of a `state` topic.
 * Throws READING_TOO_LARGE, READING_NOT_JSON, READING_NOT_FINITE, READING_SCHEMA, READING_STAMP_FUTURE, READING_STAMP_PAST.
 */
export function parseReading(payload: Uint8Array, nowWallMs: number): Reading {
  if (payload.byteLength > READING_LIMITS.payloadBytesMax) {
    throw new LatticeError(
      'READING_TOO_LARGE',
      `${payload.byteLength} bytes; a reading has at most ${READING_LIMITS.payloadBytesMax}.`,
    );
  }
  const json = parseJson(payload);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new LatticeError('READING_SCHEMA', 'The payload is not a JSON object.');
  }
  const header = headerSchema.safeParse(json);
  if (!header.success) {
    const issue = header.error.issues[0];
    throw new LatticeError('READING_SCHEMA', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'does not fit'}.`);
  }
  const { ts, seq, boot, tq } = header.data;
  checkStamp(ts, nowWallMs);
  return { tsMs: ts, seq, boot, timeQuality: ts === undefined ? 'none' : (tq ?? 'est'), metrics: metricsOf(json) };
}

/**
 * Which reading a refused payload was, so far as that can be told: so that its number can be declared dropped instead of
 * missing. Looks at the text when it is not JSON, as with NaN.
 */
export function identityOf(payload: Uint8Array): { boot: string; seq: number } | undefined {
  const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
  const seq = Number(/"seq"\s*:\s*(\d{1,12})\s*[,}]/.exec(text)?.[1]);
  const boot = /"boot"\s*:\s*"([A-Za-z0-9_-]{1,32})"/.exec(text)?.[1];
  return boot === undefined || !(seq >= 1) ? undefined : { boot, seq };
}

/** Encodes a reading as the payload of a `state` topic. Values that are not finite are left out. */
export function encodeReading(reading: Reading): string {
  const json: Record<string, unknown> = {};
  if (reading.tsMs !== undefined) json['ts'] = reading.tsMs;
  if (reading.seq !== undefined) json['seq'] = reading.seq;
  if (reading.boot !== undefined) json['boot'] = reading.boot;
  json['tq'] = reading.timeQuality;
  for (const [name, value] of Object.entries(reading.metrics)) {
    if (typeof value !== 'number' || Number.isFinite(value)) json[name] = value;
  }
  return JSON.stringify(json);
}

function parseJson(payload: Uint8Array): unknown {
  let text: string;
  try {
    text = decoder.decode(payload);
  } catch (cause) {
    throw new LatticeError('READING_NOT_JSON', 'The payload is not UTF-8.', { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    // JSON has no NaN or Infinity, but careless encoders write them; the sender deserves the precise reason.
    if (/[:[,]\s*-?(NaN|Infinity)\b/.test(text)) {
      throw new LatticeError('READING_NOT_FINITE', 'NaN and Infinity are not JSON.', { cause });
    }
    throw new LatticeError('READING_NOT_JSON', `${cause instanceof Error ? cause.message : 'not JSON'}.`, { cause });
  }
}

function checkStamp(tsMs: number | undefined, nowWallMs: number): void {
  if (tsMs === undefined) return;
  if (tsMs > nowWallMs + READING_LIMITS.futureMsMax) {
    throw new LatticeError(
      'READING_STAMP_FUTURE',
      `ts is ${Math.round((tsMs - nowWallMs) / 1000)} s ahead of the gateway.`,
    );
  }
  if (tsMs < READING_LIMITS.pastWallMs) {
    throw new LatticeError('READING_STAMP_PAST', `ts is ${tsMs}, which lies before 2000.`);
  }
}

function metricsOf(json: object): Record<string, MetricValue> {
  const metrics: Record<string, MetricValue> = {};
  let count = 0;
  for (const [name, value] of Object.entries(json)) {
    if (HEADER.has(name) || value === null) continue;
    if (!isMetricName(name) || NOT_METRICS.has(name))
      throw new LatticeError('READING_SCHEMA', `"${name.slice(0, 80)}" cannot be the name of a metric.`);
    if (++count > READING_LIMITS.metricsMax) {
      throw new LatticeError('READING_SCHEMA', `More than ${READING_LIMITS.metricsMax} metrics.`);
    }
    metrics[name] = metricValue(name, value);
    if (typeof metrics[name] !== 'number' && metricOf(name) !== undefined) {
      throw new LatticeError('READING_SCHEMA', `${name} is not a number.`);
    }
  }
  if (count === 0) throw new LatticeError('READING_SCHEMA', 'No metric with a value.');
  return metrics;
}

function metricValue(name: string, value: unknown): MetricValue {
  if (typeof value === 'number') {
    // JSON.parse turns 1e999 into Infinity.
    if (!Number.isFinite(value)) throw new LatticeError('READING_NOT_FINITE', `${name} is not a finite number.`);
    return value;
  }
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && value.length <= READING_LIMITS.textLengthMax) return value;
  throw new LatticeError('READING_SCHEMA', `${name} is neither a number, nor a boolean, nor a text of at most 256.`);
}

/** Whether an error is the sender's fault: the message goes to the dead letters and is acknowledged. */
export function isReadingFault(error: unknown): boolean {
  const code = codeOf(error);
  return code.startsWith('READING_') || code === 'TOPIC_INVALID';
}
