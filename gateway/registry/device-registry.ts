import { LatticeError } from '../../core/errors/index.ts';
import { type DeviceMeta, isProbe, type MetricValue, type StampedReading } from '../../core/wire/index.ts';

/** What a gateway knows of a device that it owns. */
export interface DeviceEntry {
  site: string;
  device: string;
  /** undefined for a device that publishes no `availability`. */
  availability: 'online' | 'offline' | undefined;
  meta: DeviceMeta | undefined;
  /** Wall ms of the last reading's receipt. */
  lastSeenMs: number | undefined;
  /** The newest value of every metric seen. */
  metrics: Record<string, MetricValue>;
}

/** A mesh may be sent readings of any number of made-up devices; beyond this the one silent for longest is forgotten. */
const DEVICES_MAX = 20_000;
/** Names of metrics that a device may use in all; each becomes a field of the store and a sensor in Home Assistant. */
const METRICS_PER_DEVICE_MAX = 128;

/** The devices of a gateway, in memory; retained messages and the next readings fill it again after a restart. */
export class DeviceRegistry {
  /** In order of last change, the oldest first. */
  readonly #devices = new Map<string, DeviceEntry>();
  readonly #onChanged: (entry: DeviceEntry) => void;

  /** onChanged is called when what Home Assistant's discovery shows of a device has changed. */
  constructor(onChanged: (entry: DeviceEntry) => void) {
    this.#onChanged = onChanged;
  }

  /** Devices of the fleet, without probes. */
  get size(): number {
    let size = 0;
    for (const { device } of this.#devices.values()) size += Number(!isProbe(device));
    return size;
  }

  entries(): Iterable<DeviceEntry> {
    return this.#devices.values();
  }

  get(site: string, device: string): DeviceEntry | undefined {
    return this.#devices.get(`${site}/${device}`);
  }

  /** Throws READING_SCHEMA when the reading brings more names of metrics than a device may have. */
  noteReading(reading: StampedReading, receivedMs: number): void {
    const entry = this.#entry(reading.site, reading.device);
    const names = Object.keys(reading.metrics).filter((name) => !(name in entry.metrics));
    if (Object.keys(entry.metrics).length + names.length > METRICS_PER_DEVICE_MAX) {
      throw new LatticeError(
        'READING_SCHEMA',
        `${entry.device} uses more than ${METRICS_PER_DEVICE_MAX} names of metrics.`,
      );
    }
    entry.lastSeenMs = receivedMs;
    Object.assign(entry.metrics, reading.metrics);
    if (names.length > 0) this.#onChanged(entry);
  }

  noteAvailability(site: string, device: string, availability: 'online' | 'offline'): void {
    const entry = this.#entry(site, device);
    const isFirst = entry.availability === undefined;
    entry.availability = availability;
    if (isFirst) this.#onChanged(entry);
  }

  noteMeta(site: string, device: string, meta: DeviceMeta): void {
    const entry = this.#entry(site, device);
    const isChanged = JSON.stringify(entry.meta) !== JSON.stringify(meta);
    entry.meta = meta;
    if (isChanged) this.#onChanged(entry);
  }

  #entry(site: string, device: string): DeviceEntry {
    const key = `${site}/${device}`;
    let entry = this.#devices.get(key);
    if (entry === undefined) {
      entry = { site, device, availability: undefined, meta: undefined, lastSeenMs: undefined, metrics: {} };
      if (this.#devices.size >= DEVICES_MAX) this.#devices.delete(this.#devices.keys().next().value as string);
    } else {
      this.#devices.delete(key);
    }
    this.#devices.set(key, entry);
    return entry;
  }
}
