import { LatticeError } from '../core/errors/index.ts';
import type { DurableLog } from '../core/log/index.ts';
import type { BatchSource, FederatedMessage, FederationPort, RetainedEntry } from './federation/port.ts';
import type { Switchboard } from './mqtt/index.ts';
import type { ShareRouter } from './shares/index.ts';
import {
  type BatchMessage,
  type BatchRecord,
  type LinkOrigin,
  messagesOf,
  type Session,
  type ShareTarget,
} from './state/index.ts';
import type { BrokerStore, Committed } from './store/index.ts';

export interface BrokerFederationPortOptions {
  brokerId: string;
  incarnation: string;
  /** Makes another one, on disk. */
  renewIncarnation: () => Promise<string>;
  store: BrokerStore;
  switchboard: Switchboard;
  /** Chooses members here for what comes for a share. */
  shares: ShareRouter<Session>;
  noteGap: (to: string, cause: string, count: number) => void;
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
  readonly noteGap: (to: string, cause: string, count: number) => void;
  readonly #renewIncarnation: () => Promise<string>;
  #incarnation: string;
  readonly #store: BrokerStore;
  readonly #switchboard: Switchboard;
  readonly #shares: ShareRouter<Session>;
  readonly #filterCallbacks = new Set<(filter: string, isWanted: boolean) => void>();
  readonly #volatileCallbacks = new Set<(message: FederatedMessage) => void>();
  readonly #journalledVolatileCallbacks = new Set<(topic: string, position: number) => void>();
  readonly #intakes = new Map<string, Intake>();
  #unwantedFrom: number;

  constructor(options: BrokerFederationPortOptions) {
    const { brokerId, incarnation, renewIncarnation, store, switchboard, shares } = options;
    this.brokerId = brokerId;
    this.noteGap = options.noteGap;
    this.#incarnation = incarnation;
    this.#renewIncarnation = renewIncarnation;
    this.#store = store;
    this.#switchboard = switchboard;
    this.#shares = shares;
    // What stood in the journal before was not looked at.
    this.#unwantedFrom = store.log.nextPosition;
    // A filter that both kept and clean sessions have is told by whichever index had it first or loses it last.
    const [kept, clean] = [store.state.index, switchboard.clean];
    kept.onFilterChanged = (filter, isWanted) => this.#tellFilter(filter, isWanted, clean.has(filter));
    clean.onFilterChanged = (filter, isWanted) => this.#tellFilter(filter, isWanted, kept.has(filter));
    switchboard.advertised.onChanged = (filter, isAdvertised) => this.#tellFilter(filter, isAdvertised, false);
  }

  get incarnation(): string {
    return this.#incarnation;
  }

  async renewIncarnation(): Promise<void> {
    this.#incarnation = await this.#renewIncarnation();
  }

  get journal(): DurableLog {
    return this.#store.log;
  }

  localFilters(): string[] {
    const { clean, advertised } = this.#switchboard;
    const filters = new Set([...this.#store.state.index.filters(), ...clean.filters(), ...advertised.filters()]);
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

  onJournalledVolatile(callback: (topic: string, position: number) => void): () => void {
    this.#journalledVolatileCallbacks.add(callback);
    return () => this.#journalledVolatileCallbacks.delete(callback);
  }

  /** A local client's message of QoS 0 stands in the journal. */
  tellJournalledVolatile(topic: string, position: number): void {
    for (const callback of this.#journalledVolatileCallbacks) callback(topic, position);
  }

  /** A record of local clients has something that another broker may want. */
  noteWanted(position: number): void {
    this.#unwantedFrom = position + 1;
  }

  unwanted(): { from: number; until: number } {
    return { from: this.#unwantedFrom, until: this.#store.state.position + 1 };
  }

  /** Tells the links of a QoS 0 message that was published here. */
  tellVolatile(topic: string, payload: Buffer, shares?: readonly ShareTarget[]): void {
    if (topic.startsWith('$')) return;
    const message: FederatedMessage = { topic, payload, qos: 0, retain: false };
    if (shares !== undefined) message.shares = shares;
    for (const callback of this.#volatileCallbacks) callback(message);
  }

  async accept(messages: readonly FederatedMessage[], { origin, incarnation, until }: BatchSource): Promise<void> {
    const intake = this.#intakeOf(origin, incarnation);
    const link: LinkOrigin = { peer: origin, incarnation, position: until - 1, previous: intake.position };
    intake.position = until - 1;
    const batch = messages.map((message) => this.#batchMessageOf(message));
    await this.#commit({ kind: 'batch', stampMs: 0, messages: batch, link }, intake, origin);
  }

  acceptVolatile(messages: readonly FederatedMessage[], origin: string): void {
    for (const { topic, payload, shares = [], isForShareOnly } of messages) {
      const bytes = Buffer.from(payload);
      if (isForShareOnly !== true) this.#switchboard.routeVolatile(topic, bytes, { origin });
      for (const share of shares) this.#switchboard.shareVolatile(topic, bytes, this.#memberFor(share));
    }
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
    const { hlc } = this.#store;
    const winners = entries.filter((entry) => {
      return !entry.topic.startsWith('$') && retained.wins(entry) && hlc.receive(entry.stampMs, entry.stampBroker);
    });
    const merges = winners.map(({ topic, payload, qos, stampMs, stampBroker }) =>
      this.#store.commit({ kind: 'retained', topic, payload: Buffer.from(payload), qos, stampMs, stampBroker }),
    );
    const committed = await Promise.all(merges);
    return committed.filter(({ applied }) => applied.taken).length;
  }

  stampMs(): number {
    return this.#store.hlc.now();
  }

  observeStampMs(stampMs: number, peer: string): void {
    this.#store.hlc.receive(stampMs, peer);
  }

  #batchMessageOf({ topic, payload, qos, retain, stamp, ...rest }: FederatedMessage): BatchMessage {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    const message: BatchMessage = { topic, payload: bytes, qos, retain };
    if (stamp !== undefined) {
      // One whose stamp is refused was acknowledged at its origin all the same: it is delivered like any other, and not retained.
      message.retain = this.#store.hlc.receive(stamp.ms, stamp.broker);
      if (message.retain) Object.assign(message, { stampMs: stamp.ms, stampBroker: stamp.broker });
    }
    const { shares, isForShareOnly, sequence } = rest;
    if (shares !== undefined) message.shares = shares.map((share) => this.#memberFor(share));
    if (isForShareOnly === true) message.isForShareOnly = true;
    if (sequence !== undefined) message.sequence = sequence;
    return message;
  }

  /** Its sender chose this broker; this broker chooses the member. */
  #memberFor(share: ShareTarget): ShareTarget {
    return this.#shares.localTarget(share.filter) ?? share;
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
