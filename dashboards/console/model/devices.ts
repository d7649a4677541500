import type { DeviceMeta, Reading } from '../../../core/wire/index.ts';
import { RateMeter } from './rates.ts';
import { Spark } from './spark.ts';
import type { DeviceList, DeviceRow, DeviceShow, DeviceState } from './types.ts';

/** How many devices the console keeps in memory; beyond it the one that was silent longest is forgotten and counted. */
export const DEVICES_MAX = 20_000;

/** A device counts as silent after five of its own intervals, but not before this. */
const SILENT_MS_MIN = 60_000;
const SILENT_INTERVALS = 5;
/** The weight of the newest interval in the mean. */
const INTERVAL_WEIGHT = 0.2;

export interface Instant {
  wallMs: number;
  monotonicMs: number;
}

interface Device {
  id: string;
  meta: DeviceMeta | undefined;
  availability: 'online' | 'offline' | undefined;
  seen: Instant | undefined;
  /** When anything at all was heard of it, monotonic ms; decides who is forgotten first. */
  heardMs: number;
  tsMs: number | undefined;
  intervalMs: number | undefined;
  readings: number;
  values: Reading['metrics'];
  sparkMetric: string | undefined;
  spark: Spark;
  /** Lower case text that a search looks into. */
  text: string;
  /** Number of the last change, so that a stream sends what is new. */
  revision: number;
}

/** All devices that were heard of, and their last values. */
export class DeviceTable {
  readonly #devices = new Map<string, Device>();
  readonly #rate = new RateMeter();
  readonly #max: number;
  #sorted: Device[] | undefined;
  #revision = 0;
  #forgotten = 0;

  constructor(max = DEVICES_MAX) {
    this.#max = max;
  }

  get revision(): number {
    return this.#revision;
  }

  reading(id: string, reading: Reading, now: Instant): void {
    const device = this.#device(id, now);
    this.#rate.add(now.monotonicMs);
    if (device.seen !== undefined) {
      const intervalMs = now.monotonicMs - device.seen.monotonicMs;
      device.intervalMs =
        device.intervalMs === undefined
          ? intervalMs
          : device.intervalMs + INTERVAL_WEIGHT * (intervalMs - device.intervalMs);
    }
    device.seen = now;
    device.tsMs = reading.tsMs;
    device.readings++;
    // A reading names the metrics that it has; the others keep their last value.
    device.values = { ...device.values, ...reading.metrics };
    device.sparkMetric ??= Object.keys(reading.metrics).find((name) => typeof reading.metrics[name] === 'number');
    const sparkValue = device.sparkMetric === undefined ? undefined : reading.metrics[device.sparkMetric];
    if (typeof sparkValue === 'number') device.spark.add(sparkValue, now.monotonicMs);
  }

  meta(id: string, meta: DeviceMeta, now: Instant): void {
    const device = this.#device(id, now);
    device.meta = meta;
    device.text = searchText(id, meta);
  }

  availability(id: string, availability: 'online' | 'offline', now: Instant): void {
    this.#device(id, now).availability = availability;
  }

  /** The rows that match, in order of their ids (numbers in them by value). */
  list(options: { query: string; show: DeviceShow; limit: number }, now: Instant): DeviceList {
    const words = options.query.toLowerCase().split(/\s+/).filter(Boolean);
    const rows: DeviceRow[] = [];
    let matched = 0;
    for (const device of this.#inOrder()) {
      if (!words.every((word) => device.text.includes(word))) continue;
      if (options.show !== 'all' && stateOf(device, now) !== options.show) continue;
      matched++;
      if (rows.length < options.limit) rows.push(rowOf(device, now));
    }
    return { matched, rows };
  }

  /** One row; undefined when the device was never heard of. */
  row(id: string, now: Instant): DeviceRow | undefined {
    const device = this.#devices.get(id);
    return device === undefined ? undefined : rowOf(device, now);
  }

  counts(now: Instant): { total: number; online: number; silent: number; offline: number; forgotten: number } {
    const counts = { total: this.#devices.size, online: 0, silent: 0, offline: 0, forgotten: this.#forgotten };
    for (const device of this.#devices.values()) counts[stateOf(device, now)]++;
    return counts;
  }

  readingsPerS(now: Instant): number {
    return this.#rate.perS(now.monotonicMs);
  }

  /** The number of the last change of a device, to compare with a number read from `revision`. */
  revisionOf(id: string): number {
    return this.#devices.get(id)?.revision ?? 0;
  }

  #device(id: string, now: Instant): Device {
    let device = this.#devices.get(id);
    if (device === undefined) {
      if (this.#devices.size >= this.#max) this.#forgetOne();
      device = {
        id,
        meta: undefined,
        availability: undefined,
        seen: undefined,
        heardMs: now.monotonicMs,
        tsMs: undefined,
        intervalMs: undefined,
        readings: 0,
        values: {},
        sparkMetric: undefined,
        spark: new Spark(),
        text: searchText(id, undefined),
        revision: 0,
      };
      this.#devices.set(id, device);
      this.#sorted = undefined;
    }
    device.heardMs = now.monotonicMs;
    device.revision = ++this.#revision;
    return device;
  }

  #forgetOne(): void {
    let oldest: Device | undefined;
    for (const device of this.#devices.values()) {
      if (oldest === undefined || device.heardMs < oldest.heardMs) oldest = device;
    }
    if (oldest === undefined) return;
    this.#devices.delete(oldest.id);
    this.#forgotten++;
  }

  #inOrder(): Device[] {
    this.#sorted ??= [...this.#devices.values()].sort((a, b) => BY_ID.compare(a.id, b.id));
    return this.#sorted;
  }
}

const BY_ID = new Intl.Collator('en', { numeric: true });

function searchText(id: string, meta: DeviceMeta | undefined): string {
  return [id, meta?.name, meta?.area, meta?.model, meta?.manufacturer, meta?.source].join('\n').toLowerCase();
}

function stateOf(device: Device, now: Instant): DeviceState {
  if (device.availability === 'offline') return 'offline';
  const ageMs = now.monotonicMs - (device.seen?.monotonicMs ?? Number.NEGATIVE_INFINITY);
  return ageMs > Math.max(SILENT_MS_MIN, SILENT_INTERVALS * (device.intervalMs ?? 0)) ? 'silent' : 'online';
}

function rowOf(device: Device, now: Instant): DeviceRow {
  const spark = device.spark.values();
  return {
    id: device.id,
    name: device.meta?.name ?? device.id,
    area: device.meta?.area ?? null,
    model: device.meta?.model ?? null,
    source: device.meta?.source ?? 'unknown',
    state: stateOf(device, now),
    lastSeenMs: device.seen?.wallMs ?? null,
    tsMs: device.tsMs ?? null,
    intervalMs: device.intervalMs ?? null,
    readings: device.readings,
    values: device.values,
    spark: device.sparkMetric === undefined || spark.length < 2 ? null : { metric: device.sparkMetric, values: spark },
  };
}
