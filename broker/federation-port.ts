import { LatticeError } from '../core/errors/index.ts';
import type { DurableLog } from '../core/log/index.ts';
import type { FederatedMessage, FederationPort, LinkSource, RetainedEntry } from './federation/port.ts';
import type { Switchboard } from './mqtt/index.ts';
import { decodeRecord, type LinkOrigin, type PublishRecord } from './state/index.ts';
import type { BrokerStore, Committed } from './store/index.ts';

export interface BrokerFederationPortOptions {
  brokerId: string;
  incarnation: string;
  store: BrokerStore;
  switchboard: Switchboard;
}

/** What was taken from a peer and is on its way into the journal. */
interface Intake {
  incarnation: string;
  position: number;
  /** Grows with each failure, so that a failure that is reported late does not undo a new attempt. */
  attempt: number;
}

/** The broker as its federation sees it. */
export class BrokerFederationPort implements FederationPort {
  readonly brokerId: string;
  readonly incarnation: string;
  readonly #store: BrokerStore;
  readonly #switchboard: Switchboard;
  readonly #filterCallbacks = new Set<() => void>();
  readonly #volatileCallbacks = new Set<(message: FederatedMessage) => void>();
  readonly #intakes = new Map<string, Intake>();

  constructor({ brokerId, incarnation, store, switchboard }: BrokerFederationPortOptions) {
    this.brokerId = brokerId;
    this.incarnation = incarnation;
    this.#store = store;
    this.#switchboard = switchboard;
    const changed = (): void => {
      for (const callback of this.#filterCallbacks) callback();
    };
    store.state.index.onFiltersChanged = changed;
    switchboard.clean.onFiltersChanged = changed;
  }

  get journal(): DurableLog {
    return this.#store.log;
  }

  localFilters(): string[] {
    const filters = new Set([...this.#store.state.index.filters(), ...this.#switchboard.clean.filters()]);
    return [...filters].filter((filter) => !filter.startsWith('$SYS/'));
  }

  onLocalFiltersChanged(callback: () => void): () => void {
    this.#filterCallbacks.add(callback);
    return () => this.#filterCallbacks.delete(callback);
  }

  messageOf(record: Uint8Array): FederatedMessage | undefined {
    const decoded = decodeRecord(record);
    if (decoded?.kind !== 'publish' || decoded.link !== undefined) return undefined;
    const { topic, payload, qos, retain, origin, stampMs } = decoded;
    return { topic, payload, qos, retain, origin, ...(retain ? { stampMs } : {}) };
  }

  onVolatile(callback: (message: FederatedMessage) => void): () => void {
    this.#volatileCallbacks.add(callback);
    return () => this.#volatileCallbacks.delete(callback);
  }

  /** Tells the links of a QoS 0 message that was published here. */
  tellVolatile(topic: string, payload: Buffer): void {
    const message: FederatedMessage = { topic, payload, qos: 0, retain: false, origin: this.brokerId };
    for (const callback of this.#volatileCallbacks) callback(message);
  }

  async accept(message: FederatedMessage, source: LinkSource): Promise<void> {
    // What a broker says of itself stays with it.
    if (message.topic.startsWith('$')) return;
    const { peer, incarnation, position } = source;
    if (position === undefined) {
      this.#switchboard.routeVolatile(message.topic, Buffer.from(message.payload));
      return;
    }
    if (position <= this.acceptedPosition(peer, incarnation)) return;
    const intake = this.#intakeOf(peer, incarnation);
    if (position <= intake.position) {
      await new Promise<void>((resolve) => this.#store.queue.after(resolve));
      if (position <= this.acceptedPosition(peer, incarnation)) return;
      throw new LatticeError('DISK_FAILED', `The message at ${position} of "${peer}" could not be stored.`);
    }
    const origin: LinkOrigin = { peer, incarnation, position, previous: intake.position };
    intake.position = position;
    await this.#commit(recordOf(message, origin), intake, peer);
  }

  acceptedPosition(peer: string, peerIncarnation: string): number {
    const accepted = this.#store.state.accepted.get(peer);
    return accepted?.incarnation === peerIncarnation ? accepted.position : -1;
  }

  retained(): Iterable<RetainedEntry> {
    return this.#store.state.retained.entries();
  }

  async mergeRetained(entry: RetainedEntry): Promise<boolean> {
    if (entry.topic.startsWith('$') || !this.#store.state.retained.wins(entry)) return false;
    const { topic, qos, stampMs, stampBroker } = entry;
    const payload = Buffer.from(entry.payload);
    const { applied } = await this.#store.commit({ kind: 'retained', topic, payload, qos, stampMs, stampBroker });
    return applied.taken;
  }

  async #commit(record: PublishRecord, intake: Intake, peer: string): Promise<void> {
    const { attempt } = intake;
    let committed: Committed | undefined;
    let failure: unknown;
    try {
      committed = await this.#store.commit(record);
    } catch (error) {
      failure = error;
    }
    if (committed?.applied.taken) return;
    if (intake.attempt === attempt) {
      intake.attempt += 1;
      intake.position = this.acceptedPosition(peer, intake.incarnation);
    }
    throw failure ?? new LatticeError('DISK_FAILED', `A message of "${peer}" before this one could not be stored.`);
  }

  #intakeOf(peer: string, incarnation: string): Intake {
    let intake = this.#intakes.get(peer);
    if (intake?.incarnation !== incarnation) {
      intake = { incarnation, position: this.acceptedPosition(peer, incarnation), attempt: 0 };
      this.#intakes.set(peer, intake);
    }
    return intake;
  }
}

function recordOf({ topic, payload, qos, retain, origin }: FederatedMessage, link: LinkOrigin): PublishRecord {
  return { kind: 'publish', topic, payload: Buffer.from(payload), qos, retain, stampMs: 0, origin, link };
}
