import { type Clock, repeat, type Timer } from '../../core/time/index.ts';
import { discoveryPayload, discoveryTopic, isProbe } from '../../core/wire/index.ts';
import type { DeviceEntry, DeviceRegistry } from './device-registry.ts';

/** Metrics of a device mostly arrive together; waiting this long makes one message of them. */
const GATHER_MS = 500;
/** Devices announced per round, so that a thousand at once do not crowd out readings. */
const PER_ROUND_MAX = 200;

export interface DiscoveryOptions {
  clock: Clock;
  registry: DeviceRegistry;
  /** Publishes a retained message; a rejection is tried again in the next round. */
  publish: (topic: string, payload: string) => Promise<void>;
  softwareVersion: string;
}

/**
 * Keeps Home Assistant's device discovery in step with the registry: announces a device when its metrics or its
 * description change, and all of them when Home Assistant starts.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #pending = new Set<DeviceEntry>();
  #timer: Timer | undefined;

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= repeat(this.#options.clock, GATHER_MS, () => this.#announce());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  noteChanged(entry: DeviceEntry): void {
    if (!isProbe(entry.device)) this.#pending.add(entry);
  }

  /** Home Assistant has started: everything is new to it. */
  announceAll(): void {
    for (const entry of this.#options.registry.entries()) this.noteChanged(entry);
  }

  async #announce(): Promise<void> {
    const round = [...this.#pending].slice(0, PER_ROUND_MAX);
    // What could not be published stays pending, for the next round.
    await Promise.allSettled(
      round.map(async (entry) => {
        // A device without a metric has nothing to show yet.
        if (Object.keys(entry.metrics).length > 0) await this.#publish(entry);
        this.#pending.delete(entry);
      }),
    );
  }

  async #publish(entry: DeviceEntry): Promise<void> {
    const payload = discoveryPayload({
      ...entry,
      hasAvailability: entry.availability !== undefined,
      softwareVersion: this.#options.softwareVersion,
    });
    await this.#options.publish(discoveryTopic(entry.site, entry.device), JSON.stringify(payload));
  }
}
