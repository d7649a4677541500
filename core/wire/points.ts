import type { MetricValue, TimeQuality } from './reading.ts';
import { isProbe } from './topics.ts';

/**
 * How readings look in a time-series store, so that dashboards and gateways agree without importing each other.
 *
 *     reading,site=home,device=sim-001 temperature=21.5,humidity=40.2,seq=17i,boot="k3f9",tq="sync" 1763800000000000017
 *
 * Booleans become 0 and 1, and texts fields of their own (`name_text`): a store gives a field one type for ever, so one
 * device's text must not keep the numbers of another's out.
 *
 * The identity of a point is series plus time stamp. The stamp is the device's millisecond with the sequence number in
 * the digits below it, so that two readings of one millisecond differ and a second write of one changes nothing.
 */
export const MEASUREMENTS = {
  reading: 'reading',
  broker: 'broker_health',
  gateway: 'gateway_health',
  gap: 'gap',
  /** What brokers gave up for each other. */
  linkGap: 'link_gap',
  /** Readings of probes, apart from those of the fleet. */
  probe: 'probe',
} as const;

export interface Point {
  measurement: string;
  tags: Record<string, string>;
  /** Whole numbers that must stay whole are given as bigint. */
  fields: Record<string, MetricValue | bigint>;
  /** Nanoseconds since 1970. */
  timeNs: bigint;
}

export interface StampedReading {
  site: string;
  device: string;
  boot: string | undefined;
  seq: number | undefined;
  tsMs: number;
  timeQuality: TimeQuality;
  /** Tells readings of one millisecond apart that have no number, 0 to 999,999. */
  tieBreak?: number | undefined;
  metrics: Record<string, MetricValue>;
}

const NS_PER_MS = 1_000_000;

/** The point of a reading. */
export function readingPoint(reading: StampedReading): Point {
  const fields: Point['fields'] = {};
  for (const [name, value] of Object.entries(reading.metrics)) {
    if (typeof value === 'string') fields[`${name}_text`] = value;
    else fields[name] = Number(value);
  }
  if (reading.seq !== undefined) fields['seq'] = BigInt(reading.seq);
  if (reading.boot !== undefined) fields['boot'] = reading.boot;
  fields['tq'] = reading.timeQuality;
  return {
    measurement: isProbe(reading.device) ? MEASUREMENTS.probe : MEASUREMENTS.reading,
    tags: { site: reading.site, device: reading.device },
    fields,
    timeNs: BigInt(reading.tsMs) * BigInt(NS_PER_MS) + BigInt((reading.seq ?? reading.tieBreak ?? 0) % NS_PER_MS),
  };
}
