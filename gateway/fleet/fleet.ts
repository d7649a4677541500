import { codeOf, LatticeError } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import { type Coordinator, type KeyValue, retrying, type WatchEvent } from '../coordination/index.ts';
import { type LedgerAuthor, ledgeredTransaction } from '../ledger/index.ts';
import { readCommitted, unlocked } from '../transactions/index.ts';
import { checkChange, type Desired, desiredIn, SET_DESIRED, type Settings, succession } from './desired.ts';
import { desiredKey, desiredPrefix } from './keys.ts';

export interface FleetOptions {
  site: string;
  group: Pick<Coordinator, 'get' | 'range' | 'transaction' | 'watch'>;
  clock: Clock;
  random: Random;
  /** How long a change waits for others that hold the device, ms. Default 15,000. */
  changeTimeoutMs?: number;
}

/** The desired state of a device as of some revision; undefined when it has none (any more). */
export interface DesiredEvent {
  device: string;
  desired: Desired | undefined;
}

const CHANGE_TIMEOUT_MS = 15_000;
const HELD_RETRY_MS = 100;

/** The desired state of the devices of one site, as its gateways agree on it. Every change is an entry of the ledger. */
export class Fleet {
  readonly #options: FleetOptions;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Undefined for a device that nothing was ever asked of. */
  async getDesired(device: string): Promise<Desired | undefined> {
    const { site, group } = this.#options;
    return desiredIn(await group.get(desiredKey(site, device)));
  }

  /**
   * Sets the settings of a device, whole. With ifVersion only while that version stands (0: none), else COORDINATION_REJECTED.
   * Rejects with COORDINATION_REJECTED also when a name or the settings do not fit, or the author is none of the ledger;
   * TRANSACTION_IN_DOUBT when a change over several sites holds the device for too long; else as the ledger does.
   */
  async setDesired(
    author: LedgerAuthor,
    device: string,
    settings: Settings,
    { ifVersion }: { ifVersion?: number } = {},
  ): Promise<Desired> {
    const { site, group, clock, changeTimeoutMs = CHANGE_TIMEOUT_MS } = this.#options;
    const change = { site, device, settings };
    checkChange(change);
    const key = desiredKey(site, device);
    const deadlineMs = clock.monotonicMs() + changeTimeoutMs;
    for (;;) {
      const found = await this.#unheld(key, deadlineMs);
      const { desired, compare, operation } = succession(change, found);
      if (ifVersion !== undefined && desired.version !== ifVersion + 1) {
        const detail = `The settings of ${device} have version ${desired.version - 1}, not ${ifVersion}.`;
        throw new LatticeError('COORDINATION_REJECTED', detail);
      }
      const act = { act: SET_DESIRED, details: { changes: [{ ...change, version: desired.version }] } };
      const guarded = { compare: [compare, ...unlocked([key])], operations: [operation] };
      const { succeeded } = await ledgeredTransaction({ group, clock, author }, act, guarded);
      if (succeeded) return desired;
      if (clock.monotonicMs() >= deadlineMs) {
        throw new LatticeError('COORDINATION_TIMEOUT', `Others changed ${device} all the time; nothing was set.`);
      }
    }
  }

  /** What is desired of each device, and then each change, in order for one device. Ends when the signal aborts. */
  async *watchDesired(signal: AbortSignal): AsyncGenerator<DesiredEvent, void, void> {
    const { site, group } = this.#options;
    const range = { prefix: desiredPrefix(site) };
    const seen = new Map<string, number>();
    while (!signal.aborted) {
      try {
        const { keyValues, revision } = await retrying(this.#options, signal, () => group.range(range, { signal }));
        for (const found of keyValues) {
          if (seen.get(found.key) !== found.modRevision) yield this.#note(seen, { type: 'put', keyValue: found });
        }
        const there = new Set(keyValues.map(({ key }) => key));
        for (const key of seen.keys()) {
          if (!there.has(key)) yield this.#note(seen, { type: 'delete', key, revision });
        }
        for await (const { events } of group.watch(range, { fromRevision: revision + 1, signal })) {
          for (const event of events) yield this.#note(seen, event);
        }
      } catch (error) {
        if (signal.aborted) return;
        // Compacted while the watch was away: what has changed is read above.
        if (codeOf(error) !== 'REVISION_COMPACTED') throw error;
      }
    }
  }

  #note(seen: Map<string, number>, event: WatchEvent): DesiredEvent {
    const key = event.type === 'put' ? event.keyValue.key : event.key;
    const device = key.slice(desiredPrefix(this.#options.site).length);
    if (event.type === 'put') {
      seen.set(key, event.keyValue.modRevision);
      return { device, desired: desiredIn(event.keyValue) };
    }
    seen.delete(key);
    return { device, desired: undefined };
  }

  /** What stands at the key once no change over several sites holds it. */
  async #unheld(key: string, deadlineMs: number): Promise<KeyValue | undefined> {
    const { group, clock } = this.#options;
    for (;;) {
      try {
        const [found] = await readCommitted(group, [key]);
        return found;
      } catch (error) {
        if (codeOf(error) !== 'TRANSACTION_IN_DOUBT' || clock.monotonicMs() >= deadlineMs) throw error;
        await delay(clock, HELD_RETRY_MS);
      }
    }
  }
}
