import { LatticeError } from '../core/errors/index.ts';
import type { DurableLog } from '../core/log/index.ts';
import type { Clock } from '../core/time/index.ts';
import type { BatchSource, FederatedMessage, FederationPort, RetainedEntry } from './federation/port.ts';
import type { Switchboard } from './mqtt/index.ts';
import { type BatchMessage, type BatchRecord, type LinkOrigin, messagesOf } from './state/index.ts';
import type { BrokerStore, Committed } from './store/index.ts';

export interface BrokerFederationPortOptions {
  brokerId: string;
  incarnation: string;
  store: BrokerStore;
  switchboard: Switchboard;
  clock: Clock;
}

/** What was taken from an origin and is on its way into the journal. */
interface Intake {
  incarnation: string;
  /** The last position taken. */
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
  readonly #clock: Clock;
  readonly #filterCallbacks = new Set<(filter: string, isWanted: boolean) => void>();
  readonly #volatileCallbacks = new Set<(message: FederatedMessage) => void>();
  readonly #intakes = new Map<string, Intake>();

  constructor({ brokerId, incarnation, store, switchboard, clock }: BrokerFederationPortOptions) {
    this.brokerId = brokerId;
    this.incarnation = incarnation;
    this.#store = store;
    this.#switchboard = switchboard;
    this.#clock = clock;
    // A filter that both kept and clean sessions have is told by whichever index had it first or loses it last.
    const [kept, clean] = [store.state.index, switchboard.clean];
    kept.onFilterChanged = (filter, isWanted) => this.#tellFilter(filter, isWanted, clean.has(filter));
    clean.onFilterChanged = (filter, isWanted) => this.#tellFilter(filter, isWanted, kept.has(filter));
  }

  get journal(): DurableLog {
    return this.#store.log;
  }

  localFilters(): string[] {
    const filters = new Set([...this.#store.state.index.filters(), ...this.#switchboard.clean.filters()]);
    return [...filters].filter((filter) => !filter.startsWith('$SYS/'));
  }

  onLocalFilter(callback: (filter: string, isWanted: boolean) => void): () => void {
    this.#filterCallbacks.add(callback);
    return () => this.#filterCallbacks.delete(callback);
  }

  messagesOf(record: Uint8Array): FederatedMessage[] {
    return messagesOf(record).map(({ stampMs, ...message }) => {
      return stampMs === undefined ? message : { ...message, stamp: { ms: stampMs, broker: this.brokerId } };
    });
  }

  onVolatile(callback: (message: FederatedMessage) => void): () => void {
    this.#volatileCallbacks.add(callback);
    return () => this.#volatileCallbacks.delete(callback);
  }

  get isVolatileWanted(): boolean {
    return this.#volatileCallbacks.size > 0;
  }

  /** Tells the links of a QoS 0 message that was published here. */
  tellVolatile(topic: string, payload: Buffer): void {
    if (topic.startsWith('$')) return;
    const message: FederatedMessage = { topic, payload, qos: 0, retain: false };
    for (const callback of this.#volatileCallbacks) callback(message);
  }

  async accept(messages: readonly FederatedMessage[], { origin, incarnation, until }: BatchSource): Promise<void> {
    const intake = this.#intakeOf(origin, incarnation);
    const link: LinkOrigin = { peer: origin, incarnation, position: until - 1, previous: intake.position };
    intake.position = until - 1;
    await this.#commit({ kind: 'batch', stampMs: 0, messages: messages.map(batchMessageOf), link }, intake, origin);
  }

  acceptVolatile(messages: readonly FederatedMessage[], origin: string): void {
    for (const { topic, payload } of messages) this.#switchboard.routeVolatile(topic, Buffer.from(payload), { origin });
  }

  acceptedUntil(origin: string, incarnation: string): number {
    const accepted = this.#store.state.accepted.get(origin);
    return accepted?.incarnation === incarnation ? accepted.position + 1 : 0;
  }

  retained(): Iterable<RetainedEntry> {
    return this.#store.state.retained.entries();
  }

  onRetained(callback: (gone: RetainedEntry | undefined, come: RetainedEntry | undefined) => void): () => void {
    const { retained } = this.#store.state;
    retained.onChanged = callback;
    return () => {
      retained.onChanged = () => {};
    };
  }

  async mergeRetained(entries: readonly RetainedEntry[]): Promise<number> {
    const { retained } = this.#store.state;
    const winners = entries.filter((entry) => !entry.topic.startsWith('$') && retained.wins(entry));
    const merges = winners.map(({ topic, payload, qos, stampMs, stampBroker }) =>
      this.#store.commit({ kind: 'retained', topic, payload: Buffer.from(payload), qos, stampMs, stampBroker }),
    );
    const committed = await Promise.all(merges);
    return committed.filter(({ applied }) => applied.taken).length;
  }

  stampMs(): number {
    return this.#store.state.retained.stampMs(this.#clock.wallMs());
  }

  observeStampMs(stampMs: number): void {
    this.#store.state.retained.observe(stampMs);
  }

  #tellFilter(filter: string, isWanted: boolean, isElsewhere: boolean): void {
    if (isElsewhere || filter.startsWith('$SYS/')) return;
    for (const callback of this.#filterCallbacks) callback(filter, isWanted);
  }

  async #commit(record: BatchRecord, intake: Intake, origin: string): Promise<void> {
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
      intake.position = this.acceptedUntil(origin, intake.incarnation) - 1;
    }
    throw failure ?? new LatticeError('DISK_FAILED', `A batch of "${origin}" before this one could not be stored.`);
  }

  #intakeOf(origin: string, incarnation: string): Intake {
    let intake = this.#intakes.get(origin);
    if (intake?.incarnation !== incarnation) {
      intake = { incarnation, position: this.acceptedUntil(origin, incarnation) - 1, attempt: 0 };
      this.#intakes.set(origin, intake);
    }
    return intake;
  }
}

function batchMessageOf({ topic, payload, qos, retain, stamp, shares }: FederatedMessage): BatchMessage {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const message: BatchMessage = { topic, payload: bytes, qos, retain };
  if (stamp !== undefined) {
    message.stampMs = stamp.ms;
    message.stampBroker = stamp.broker;
  }
  if (shares !== undefined) message.shares = [...shares];
  return message;
}
