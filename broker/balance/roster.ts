import type { Clock } from '../../core/time/index.ts';
import {
  BROKERS_LISTED_MAX,
  type BrokerEntry,
  type BrokerHealth,
  type BrokerList,
  brokerHealthSchema,
  HEALTH_INTERVAL_MS,
  parseMeshTopic,
} from '../../core/wire/index.ts';

/** A retained health message as it stands in the broker. */
export interface HealthMessage {
  topic: string;
  payload: Buffer;
}

export interface RosterOptions {
  clock: Clock;
  /** The health of every node of the site that this broker knows of, its own too. */
  healths: () => Iterable<HealthMessage>;
}

/** Health is published in intervals; after so long without a new one the broker counts as gone. */
export const HEALTH_AGE_MS_MAX = 3 * HEALTH_INTERVAL_MS;

interface Seen {
  payload: Buffer;
  /** Undefined when it is no health of the broker whose topic it stands under. */
  health: BrokerHealth | undefined;
  /** Monotonic; undefined while only a message from before our time is known, and its stamp is old. */
  heardMs: number | undefined;
}

/**
 * The brokers of the site, from their retained health. A broker is alive as long as its message changes: how old one is by
 * its stamp would depend on two wall clocks that may disagree. The stamp is looked at once, for the messages that are there
 * at the start, since those of brokers that are long gone are among them.
 */
export class Roster {
  readonly #options: RosterOptions;
  #seen = new Map<string, Seen>();

  constructor(options: RosterOptions) {
    this.#options = options;
  }

  /** Every broker that is alive, by id; `own` is this one's health, which may be newer than what the journal has taken. */
  list(own: BrokerHealth): BrokerList {
    this.#look();
    const entries = [entryOf(own, true)];
    const nowMs = this.#options.clock.monotonicMs();
    for (const { health, heardMs } of this.#seen.values()) {
      if (health === undefined || heardMs === undefined || health.node === own.node) continue;
      if (nowMs - heardMs <= HEALTH_AGE_MS_MAX) entries.push(entryOf(health, false));
    }
    // Its own comes first, so that the bound never cuts it off.
    return entries.slice(0, BROKERS_LISTED_MAX).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #look(): void {
    const { clock, healths } = this.#options;
    const found = new Map<string, Seen>();
    for (const { topic, payload } of healths()) {
      const before = this.#seen.get(topic);
      if (before?.payload === payload) {
        found.set(topic, before);
        continue;
      }
      const health = brokerHealthOf(topic, payload);
      const isCurrent =
        before !== undefined || (health !== undefined && clock.wallMs() - health.atMs <= HEALTH_AGE_MS_MAX);
      found.set(topic, { payload, health, heardMs: isCurrent ? clock.monotonicMs() : undefined });
    }
    this.#seen = found;
  }
}

function entryOf({ node, urls, weight, isDraining, atMs }: BrokerHealth, isSelf: boolean): BrokerEntry {
  return { id: node, urls, weight, isDraining, atMs, isSelf };
}

function brokerHealthOf(topic: string, payload: Buffer): BrokerHealth | undefined {
  try {
    const health = brokerHealthSchema.safeParse(JSON.parse(payload.toString('utf8'))).data;
    return health?.node === parseMeshTopic(topic)?.device ? health : undefined;
  } catch {
    return undefined;
  }
}
