import type {
  BatchSource,
  FederatedMessage,
  FederationPort,
  RetainedEntry,
} from '../../../../broker/federation/index.ts';
import type { Clock } from '../../../../core/time/index.ts';
import { filterMatches } from '../../../../core/wire/index.ts';
import { SimDisk, SimLog } from './sim-disk.ts';

interface SimRecord {
  messages: (Omit<FederatedMessage, 'payload'> & { payload: string })[];
  source?: BatchSource;
}

/** One broker over its process lives: what its subscriber got is what its journal says that it was given. */
export class SimBroker implements FederationPort {
  readonly brokerId: string;
  readonly #clock: Clock;
  incarnation = 'life-1';
  disk = new SimDisk();
  journal: SimLog;
  /** Messages of QoS 1 that reached the subscriber, in order, as `topic payload`. */
  deliveries: string[] = [];
  volatile: string[] = [];
  readonly filters = new Set<string>();
  readonly retainedSet = new Map<string, RetainedEntry>();
  readonly #filterCallbacks = new Set<(filter: string, isWanted: boolean) => void>();
  readonly #volatileCallbacks = new Set<(message: FederatedMessage) => void>();
  #accepted = new Map<string, { incarnation: string; until: number }>();
  #stampMs = 0;
  #unwantedFrom = 0;
  #judgedUntil = 0;
  /** Asks the federation; set by the mesh. */
  isWanted: (topic: string) => boolean = () => true;
  #retainedCallback: (gone: RetainedEntry | undefined, come: RetainedEntry | undefined) => void = () => {};
  #lives = 0;

  constructor(brokerId: string, clock: Clock) {
    this.brokerId = brokerId;
    this.#clock = clock;
    this.journal = new SimLog(this.disk, clock);
  }

  /** The process dies, and starts again from what the disk has. */
  restart(): void {
    this.#lives += 1;
    this.journal.die();
    this.#filterCallbacks.clear();
    this.#volatileCallbacks.clear();
    this.#retainedCallback = () => {};
    this.journal = new SimLog(this.disk, this.#clock);
    this.#accepted = new Map();
    this.deliveries = [];
    this.retainedSet.clear();
    this.#unwantedFrom = this.disk.records.length;
    this.#judgedUntil = this.disk.records.length;
    for (const record of this.disk.records) this.#apply(parse(record));
  }

  /** The same with an empty folder. */
  loseDisk(): void {
    this.disk = new SimDisk();
    this.incarnation = `life-${this.#lives + 2}`;
    this.restart();
  }

  renewIncarnation(): Promise<void> {
    throw new Error('A disk of the simulation never goes back in time.');
  }

  localFilters(): Iterable<string> {
    return this.filters;
  }

  onLocalFilter(callback: (filter: string, isWanted: boolean) => void): () => void {
    this.#filterCallbacks.add(callback);
    return () => this.#filterCallbacks.delete(callback);
  }

  onVolatile(callback: (message: FederatedMessage) => void): () => void {
    this.#volatileCallbacks.add(callback);
    return () => this.#volatileCallbacks.delete(callback);
  }

  messagesOf(record: Uint8Array): FederatedMessage[] {
    const { messages, source } = parse(record);
    return source === undefined ? messages.map(messageOf) : [];
  }

  onJournalledVolatile(): () => void {
    return () => {};
  }

  unwanted(): { from: number; until: number } {
    return { from: this.#unwantedFrom, until: this.#judgedUntil };
  }

  async accept(messages: readonly FederatedMessage[], source: BatchSource): Promise<void> {
    const lives = this.#lives;
    const record: SimRecord = { messages: messages.map(textOf), source };
    const position = await this.journal.append(encode(record));
    if (lives !== this.#lives) return;
    this.#judgedUntil = position + 1;
    this.#apply(record);
  }

  acceptVolatile(messages: readonly FederatedMessage[]): void {
    for (const message of messages)
      if (this.#wants(message.topic)) this.volatile.push(`${message.topic} ${message.payload}`);
  }

  acceptedUntil(origin: string, incarnation: string): number {
    const accepted = this.#accepted.get(origin);
    return accepted?.incarnation === incarnation ? accepted.until : 0;
  }

  retained(): Iterable<RetainedEntry> {
    return this.retainedSet.values();
  }

  onRetained(callback: (gone: RetainedEntry | undefined, come: RetainedEntry | undefined) => void): () => void {
    this.#retainedCallback = callback;
    return () => {};
  }

  async mergeRetained(entries: readonly RetainedEntry[]): Promise<number> {
    const winners = entries.filter((entry) => this.#wins(entry));
    if (winners.length === 0) return 0;
    const messages = winners.map(({ topic, payload, qos, stampMs, stampBroker }) => {
      return textOf({ topic, payload, qos, retain: true, stamp: { ms: stampMs, broker: stampBroker } });
    });
    const record: SimRecord = { messages, source: { origin: '', incarnation: '', until: 0 } };
    await this.journal.append(encode(record));
    this.#apply(record);
    return winners.length;
  }

  noteGap(): void {}

  stampMs(): number {
    return Math.max(this.#clock.wallMs(), this.#stampMs);
  }

  observeStampMs(stampMs: number): void {
    this.#stampMs = Math.max(this.#stampMs, stampMs);
  }

  subscribe(filter: string): void {
    this.filters.add(filter);
    for (const callback of this.#filterCallbacks) callback(filter, true);
  }

  unsubscribe(filter: string): void {
    this.filters.delete(filter);
    for (const callback of this.#filterCallbacks) callback(filter, false);
  }

  /** Resolves when it would be acknowledged; never, when the process dies before. */
  async publish(topic: string, payload: string, { qos = 1, retain = false }: { qos?: 0 | 1; retain?: boolean } = {}) {
    const message: FederatedMessage = { topic, payload: Buffer.from(payload), qos, retain };
    if (retain) {
      this.#stampMs = Math.max(this.#stampMs + 1, this.#clock.wallMs());
      message.stamp = { ms: this.#stampMs, broker: this.brokerId };
    }
    if (qos === 0 && !retain) {
      for (const callback of this.#volatileCallbacks) callback(message);
      return;
    }
    const record: SimRecord = { messages: [textOf(message)] };
    const position = await this.journal.append(encode(record));
    this.#judgedUntil = position + 1;
    if (retain || this.isWanted(topic)) this.#unwantedFrom = position + 1;
    this.#apply(record);
  }

  /** The retained set as text, for comparing two brokers. */
  retainedText(): string {
    const lines = [...this.retainedSet.values()].map(({ topic, payload, stampMs, stampBroker }) => {
      return `${topic}=${Buffer.from(payload)}@${stampMs}/${stampBroker}`;
    });
    return lines.sort().join('\n');
  }

  #apply({ messages, source }: SimRecord): void {
    if (source !== undefined && source.origin !== '') {
      const { origin, incarnation, until } = source;
      if (until <= this.acceptedUntil(origin, incarnation))
        throw new Error(`${this.brokerId}: ${origin} ${until} again`);
      this.#accepted.set(origin, { incarnation, until });
    }
    for (const { topic, payload, qos, stamp } of messages) {
      if (stamp !== undefined) {
        const entry = { topic, payload: Buffer.from(payload), qos, stampMs: stamp.ms, stampBroker: stamp.broker };
        if (!this.#wins(entry)) continue;
        this.#stampMs = Math.max(this.#stampMs, stamp.ms);
        this.#retainedCallback(this.retainedSet.get(topic), entry);
        this.retainedSet.set(topic, entry);
      }
      if (this.#wants(topic)) this.deliveries.push(`${topic} ${payload}`);
    }
  }

  #wins({ topic, stampMs, stampBroker }: RetainedEntry): boolean {
    const present = this.retainedSet.get(topic);
    if (present === undefined) return true;
    return stampMs !== present.stampMs ? stampMs > present.stampMs : stampBroker > present.stampBroker;
  }

  #wants(topic: string): boolean {
    return [...this.filters].some((filter) => filterMatches(filter, topic));
  }
}

function textOf(message: FederatedMessage): SimRecord['messages'][number] {
  return { ...message, payload: Buffer.from(message.payload).toString() };
}

function messageOf(message: SimRecord['messages'][number]): FederatedMessage {
  return { ...message, payload: Buffer.from(message.payload) };
}

function encode(record: SimRecord): Buffer {
  return Buffer.from(JSON.stringify(record));
}

function parse(record: Uint8Array): SimRecord {
  return JSON.parse(Buffer.from(record).toString()) as SimRecord;
}
