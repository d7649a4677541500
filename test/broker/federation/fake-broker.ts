import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BatchSource, FederatedMessage, FederationPort, RetainedEntry } from '../../../broker/federation/index.ts';
import { LatticeError } from '../../../core/errors/index.ts';
import { type DurableLog, openLog } from '../../../core/log/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { filterMatches, shardOfTopic, shardTopic } from '../../../core/wire/index.ts';

interface StoredMessage extends Omit<FederatedMessage, 'payload'> {
  /** Latin-1, so that bytes of every value come back. */
  payload: string;
}

interface StoredRecord {
  messages: StoredMessage[];
  /** Of a batch that came from another broker. */
  source?: BatchSource;
  /** Of retained messages that a comparison brought. */
  merged?: true;
}

type RetainedCallback = Parameters<FederationPort['onRetained']>[0];

export interface Delivery {
  topic: string;
  payload: string;
  qos: number;
  /** The broker that it was published at. */
  origin: string;
}

/**
 * The least that a broker must be for its federation: a journal on the real disk, one subscriber who notes what he gets,
 * retained messages, and the accepted positions, all of which come back from the journal after a crash.
 */
export class FakeBroker implements FederationPort {
  readonly brokerId: string;
  incarnation: string;
  readonly journal: DurableLog;
  readonly deliveries: Delivery[] = [];
  /** Messages that links handed over to be stored. */
  accepted = 0;
  /** Batches that lead to no new position: the federation should have known them. */
  duplicates = 0;
  /** Retained messages that a comparison brought and that won. */
  merges = 0;
  /** Answers the next so many batches with a full disk. */
  rejections = 0;
  readonly #filters = new Set<string>();
  readonly #filterCallbacks = new Set<(filter: string, isWanted: boolean) => void>();
  readonly #volatileCallbacks = new Set<(message: FederatedMessage) => void>();
  readonly #acceptedUntil = new Map<string, number>();
  /** As #acceptedUntil, with what is not synced yet. */
  readonly #takenUntil = new Map<string, number>();
  /** By stream, the batches that were refused and not told so yet; what comes meanwhile lies behind them. */
  readonly #refused = new Map<string, number>();
  readonly #retained = new Map<string, RetainedEntry>();
  #retainedCallback: RetainedCallback = () => {};
  #gate: Promise<void> = Promise.resolve();
  #lastStampMs = 0;

  private constructor(brokerId: string, incarnation: string, journal: DurableLog) {
    this.brokerId = brokerId;
    this.incarnation = incarnation;
    this.journal = journal;
  }

  static async open(brokerId: string, directory: string, incarnation: string, bytesMax?: number): Promise<FakeBroker> {
    const bounds =
      bytesMax === undefined ? {} : { bytesMax, segmentBytes: bytesMax / 4, atBound: 'drop-oldest' as const };
    const journal = await openLog({ directory, ...bounds }, { clock: systemClock });
    const broker = new FakeBroker(brokerId, incarnation, journal);
    for (let position = journal.firstPosition; position < journal.durablePosition; ) {
      for (const record of await journal.read(position, 1_000_000)) {
        broker.#keep(parse(record.payload));
        position = record.position + 1;
      }
    }
    return broker;
  }

  async renewIncarnation(): Promise<void> {
    this.incarnation = randomUUID();
  }

  localFilters(): string[] {
    return [...this.#filters].filter((filter) => !filter.startsWith('$SYS/'));
  }

  onLocalFilter(callback: (filter: string, isWanted: boolean) => void): () => void {
    this.#filterCallbacks.add(callback);
    return () => this.#filterCallbacks.delete(callback);
  }

  onJournalledVolatile(): () => void {
    return () => {};
  }

  unwanted(): { from: number; until: number } {
    return { from: 0, until: 0 };
  }

  onVolatile(callback: (message: FederatedMessage) => void): () => void {
    this.#volatileCallbacks.add(callback);
    return () => this.#volatileCallbacks.delete(callback);
  }

  messagesOf(record: Uint8Array): FederatedMessage[] {
    const { messages, source, merged } = parse(record);
    return source === undefined && !merged ? messages.map(messageOf) : [];
  }

  async accept(messages: readonly FederatedMessage[], source: BatchSource): Promise<void> {
    const { origin, incarnation, until } = source;
    const key = `${origin}/${incarnation}`;
    const refused = this.#refused.get(key) ?? 0;
    if (this.rejections > 0 || refused > 0) {
      this.rejections = Math.max(0, this.rejections - 1);
      this.#refused.set(key, refused + 1);
      await new Promise((resolve) => setImmediate(resolve));
      this.#refused.set(key, (this.#refused.get(key) as number) - 1);
      throw new LatticeError('DISK_FULL', 'The disk of the test is full.');
    }
    if (until <= (this.#takenUntil.get(key) ?? 0)) {
      this.duplicates += 1;
      throw new LatticeError('INTERNAL', `${key} up to ${until} was taken before.`);
    }
    this.#takenUntil.set(key, until);
    this.accepted += messages.length;
    const record: StoredRecord = { messages: messages.map(storedOf), source };
    await this.#gate;
    await this.#store(record);
    for (const message of this.#keep(record)) this.#route(message, origin);
  }

  acceptVolatile(messages: readonly FederatedMessage[], origin: string): void {
    for (const message of messages) this.#route(message, origin);
  }

  acceptedUntil(origin: string, incarnation: string): number {
    return this.#acceptedUntil.get(`${origin}/${incarnation}`) ?? 0;
  }

  /** From now on nothing that is accepted becomes durable, until the function that is returned is called. */
  holdAccepts(): () => void {
    let release = (): void => {};
    this.#gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  retained(): Iterable<RetainedEntry> {
    return this.#retained.values();
  }

  onRetained(callback: RetainedCallback): () => void {
    this.#retainedCallback = callback;
    return () => {
      this.#retainedCallback = () => {};
    };
  }

  /** The retained set as text, tombstones among it, for comparing two brokers. */
  retainedText(): string[] {
    return [...this.#retained.values()]
      .map(({ topic, payload, stampMs, stampBroker }) => `${topic}=${Buffer.from(payload)}@${stampMs}/${stampBroker}`)
      .sort();
  }

  async mergeRetained(entries: readonly RetainedEntry[]): Promise<number> {
    const messages = entries.map(({ topic, payload, qos, stampMs: ms, stampBroker: broker }) =>
      storedOf({ topic, payload, qos, retain: true, stamp: { ms, broker } }),
    );
    const record: StoredRecord = { messages, merged: true };
    const winners = this.#keep(record);
    this.merges += winners.length;
    if (winners.length > 0) await this.#store(record);
    for (const message of winners) this.#route(message, message.stamp?.broker as string);
    return winners.length;
  }

  /** What was given up, as `{to} {cause}`. */
  readonly gaps = new Map<string, number>();

  noteGap(to: string, cause: string, count: number): void {
    const key = `${to} ${cause}`;
    this.gaps.set(key, (this.gaps.get(key) ?? 0) + count);
  }

  stampMs(): number {
    return Math.max(this.#lastStampMs, systemClock.wallMs());
  }

  observeStampMs(stampMs: number): void {
    this.#lastStampMs = Math.max(this.#lastStampMs, stampMs);
  }

  subscribe(...filters: string[]): void {
    for (const filter of filters) {
      if (this.#filters.has(filter)) continue;
      this.#filters.add(filter);
      if (!filter.startsWith('$SYS/')) for (const callback of this.#filterCallbacks) callback(filter, true);
    }
  }

  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
    for (const callback of this.#filterCallbacks) callback(filter, false);
  }

  /** What a local client publishes; resolves when it would be acknowledged. */
  async publish(topic: string, payload: string, { qos = 1 as 0 | 1 | 2, retain = false } = {}): Promise<void> {
    const message: FederatedMessage = { topic, payload: Buffer.from(payload, 'latin1'), qos, retain };
    if (qos === 0 && !retain) {
      for (const callback of this.#volatileCallbacks) callback(message);
      this.#route(message, this.brokerId);
      return;
    }
    if (retain) {
      this.#lastStampMs = Math.max(this.#lastStampMs + 1, systemClock.wallMs());
      message.stamp = { ms: this.#lastStampMs, broker: this.brokerId };
    }
    const record: StoredRecord = { messages: [storedOf(message)] };
    this.#keep(record);
    await this.#store(record);
    this.#route(message, this.brokerId);
  }

  payloads(topic?: string): string[] {
    return this.deliveries.filter((one) => topic === undefined || one.topic === topic).map(({ payload }) => payload);
  }

  /** Takes a record into the state; returns its messages but for retained ones that are older than what is there. */
  #keep({ messages, source }: StoredRecord): FederatedMessage[] {
    if (source !== undefined) {
      const key = `${source.origin}/${source.incarnation}`;
      this.#acceptedUntil.set(key, source.until);
      this.#takenUntil.set(key, Math.max(source.until, this.#takenUntil.get(key) ?? 0));
    }
    return messages.map(messageOf).filter((message) => {
      const { topic, payload, qos, stamp } = message;
      if (stamp === undefined) return true;
      const entry = { topic, payload, qos, stampMs: stamp.ms, stampBroker: stamp.broker };
      if (!this.#wins(entry)) return false;
      this.observeStampMs(stamp.ms);
      this.#retainedCallback(this.#retained.get(topic), entry);
      this.#retained.set(topic, entry);
      return true;
    });
  }

  #wins({ topic, stampMs, stampBroker }: RetainedEntry): boolean {
    const present = this.#retained.get(topic);
    if (present === undefined) return true;
    return stampMs !== present.stampMs ? stampMs > present.stampMs : stampBroker > present.stampBroker;
  }

  async #store(record: StoredRecord): Promise<void> {
    await this.journal.append(Buffer.from(JSON.stringify(record)));
  }

  #route({ topic, payload, qos }: FederatedMessage, origin: string): void {
    const shard = shardOfTopic(topic);
    const spaces = shard === undefined ? [topic] : [topic, shardTopic(shard, topic)];
    if (!spaces.some((space) => [...this.#filters].some((filter) => filterMatches(filter, space)))) return;
    this.deliveries.push({ topic, payload: Buffer.from(payload).toString('latin1'), qos, origin });
  }
}

function storedOf(message: FederatedMessage): StoredMessage {
  return { ...message, payload: Buffer.from(message.payload).toString('latin1') };
}

function messageOf(message: StoredMessage): FederatedMessage {
  return { ...message, payload: Buffer.from(message.payload, 'latin1') };
}

function parse(record: Uint8Array): StoredRecord {
  return JSON.parse(Buffer.from(record).toString()) as StoredRecord;
}

/** Folders and fakes of one test; close() stops and removes all. */
export class Bench {
  readonly #cleanups: (() => unknown)[] = [];

  onClose(cleanup: () => unknown): void {
    this.#cleanups.push(cleanup);
  }

  async folder(): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'lattice-federation-'));
    this.onClose(() => rm(directory, { recursive: true, force: true }));
    return directory;
  }

  async broker(
    id: string,
    directory?: string,
    incarnation: string = randomUUID(),
    bytesMax?: number,
  ): Promise<FakeBroker> {
    const broker = await FakeBroker.open(id, directory ?? (await this.folder()), incarnation, bytesMax);
    this.onClose(() => broker.journal.close());
    return broker;
  }

  async close(): Promise<void> {
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup();
  }
}
