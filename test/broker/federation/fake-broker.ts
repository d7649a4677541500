import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FederatedMessage, FederationPort, LinkSource, RetainedEntry } from '../../../broker/federation/index.ts';
import { LatticeError } from '../../../core/errors/index.ts';
import { type DurableLog, openLog } from '../../../core/log/index.ts';
import { delay, systemClock } from '../../../core/time/index.ts';
import { filterMatches, shardOfTopic, shardTopic } from '../../../core/wire/index.ts';

interface StoredRecord {
  topic: string;
  payload: string;
  qos: 0 | 1 | 2;
  retain: boolean;
  stampMs: number;
  origin: string;
  link?: LinkSource;
  merged?: true;
}

export interface Delivery {
  topic: string;
  payload: string;
  qos: number;
  origin: string;
}

/**
 * The least that a broker must be for its federation: a journal on the real disk, one subscriber who notes what he gets,
 * retained messages, and the accepted positions, all of which come back from the journal after a crash.
 */
export class FakeBroker implements FederationPort {
  readonly brokerId: string;
  readonly incarnation: string;
  readonly journal: DurableLog;
  readonly deliveries: Delivery[] = [];
  /** Calls of accept for a position that was taken before. */
  duplicates = 0;
  accepts = 0;
  merges = 0;
  /** Answers the next so many accepts with a full disk. */
  rejections = 0;
  /** While set, nothing that is accepted becomes durable. */
  holdAccepts = false;
  readonly #filters = new Set<string>();
  readonly #filterListeners = new Set<() => void>();
  readonly #volatileListeners = new Set<(message: FederatedMessage) => void>();
  readonly #accepted = new Map<string, number>();
  /** As #accepted, with what is not synced yet. */
  readonly #taken = new Map<string, number>();
  readonly #refusedAt = new Map<string, number>();
  readonly #retained = new Map<string, RetainedEntry>();
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
        broker.#apply(parse(record.payload));
        position = record.position + 1;
      }
    }
    return broker;
  }

  localFilters(): string[] {
    return [...this.#filters];
  }

  onLocalFiltersChanged(callback: () => void): () => void {
    this.#filterListeners.add(callback);
    return () => this.#filterListeners.delete(callback);
  }

  onVolatile(callback: (message: FederatedMessage) => void): () => void {
    this.#volatileListeners.add(callback);
    return () => this.#volatileListeners.delete(callback);
  }

  messageOf(record: Uint8Array): FederatedMessage | undefined {
    const { topic, payload, qos, retain, origin, stampMs, link, merged } = parse(record);
    if (link !== undefined || merged) return undefined;
    return { topic, payload: Buffer.from(payload, 'latin1'), qos, retain, origin, ...(retain && { stampMs }) };
  }

  async accept(message: FederatedMessage, source: LinkSource): Promise<void> {
    this.accepts += 1;
    const { peer, incarnation, position } = source;
    const key = `${peer}/${incarnation}`;
    const refusedAt = this.#refusedAt.get(key);
    const isPastRefused = position !== undefined && refusedAt !== undefined && position > refusedAt;
    if (this.rejections > 0 || isPastRefused) {
      this.rejections = Math.max(0, this.rejections - 1);
      if (position !== undefined && !isPastRefused) this.#refusedAt.set(key, position);
      throw new LatticeError('DISK_FULL', 'The disk of the test is full.');
    }
    if (position !== undefined) {
      this.#refusedAt.delete(key);
      if (position <= (this.#taken.get(key) ?? -1)) {
        this.duplicates += 1;
        return;
      }
      this.#taken.set(key, position);
      while (this.holdAccepts) await delay(systemClock, 5);
      await this.#store({ ...asRecord(message, 0), link: source });
      // Those that were held wake in any order.
      this.#accepted.set(key, Math.max(position, this.#accepted.get(key) ?? -1));
    }
    this.#route(message);
  }

  acceptedPosition(peer: string, incarnation: string): number {
    return this.#accepted.get(`${peer}/${incarnation}`) ?? -1;
  }

  retained(): Iterable<RetainedEntry> {
    return this.#retained.values();
  }

  /** The retained set as text, tombstones among it, for comparing two brokers. */
  retainedText(): string[] {
    return [...this.#retained.values()]
      .map(({ topic, payload, stampMs, stampBroker }) => `${topic}=${Buffer.from(payload)}@${stampMs}/${stampBroker}`)
      .sort();
  }

  async mergeRetained(entry: RetainedEntry): Promise<boolean> {
    this.merges += 1;
    if (!this.#wins(entry)) return false;
    const message = { ...entry, retain: true, origin: entry.stampBroker };
    const record: StoredRecord = { ...asRecord(message, entry.stampMs), merged: true };
    this.#apply(record);
    await this.#store(record);
    this.#route({ ...message, retain: false });
    return true;
  }

  subscribe(...filters: string[]): void {
    for (const filter of filters) this.#filters.add(filter);
    for (const listener of this.#filterListeners) listener();
  }

  unsubscribe(filter: string): void {
    this.#filters.delete(filter);
    for (const listener of this.#filterListeners) listener();
  }

  /** What a local client publishes; resolves when it would be acknowledged. */
  async publish(topic: string, payload: string, { qos = 1 as 0 | 1 | 2, retain = false } = {}): Promise<void> {
    this.#lastStampMs = Math.max(this.#lastStampMs + 1, systemClock.wallMs());
    const message = { topic, payload: Buffer.from(payload, 'latin1'), qos, retain, origin: this.brokerId };
    const record = asRecord(message, this.#lastStampMs);
    if (qos > 0 || retain) {
      this.#apply(record);
      await this.#store(record);
    } else {
      for (const listener of this.#volatileListeners) listener(message);
    }
    this.#route(message);
  }

  payloads(topic?: string): string[] {
    return this.deliveries.filter((one) => topic === undefined || one.topic === topic).map(({ payload }) => payload);
  }

  #apply(record: StoredRecord): void {
    const { link, retain, merged, topic, payload, qos, stampMs, origin } = record;
    if (link?.position !== undefined) {
      this.#accepted.set(`${link.peer}/${link.incarnation}`, link.position);
      this.#taken.set(`${link.peer}/${link.incarnation}`, link.position);
    }
    if (!retain && !merged) return;
    const entry = { topic, payload: Buffer.from(payload, 'latin1'), qos, stampMs, stampBroker: origin };
    this.#lastStampMs = Math.max(this.#lastStampMs, stampMs);
    if (this.#wins(entry)) this.#retained.set(topic, entry);
  }

  #wins({ topic, stampMs, stampBroker }: RetainedEntry): boolean {
    const present = this.#retained.get(topic);
    if (present === undefined) return true;
    return stampMs !== present.stampMs ? stampMs > present.stampMs : stampBroker > present.stampBroker;
  }

  async #store(record: StoredRecord): Promise<void> {
    await this.journal.append(Buffer.from(JSON.stringify(record)));
  }

  #route({ topic, payload, qos, origin }: FederatedMessage): void {
    const shard = shardOfTopic(topic);
    const spaces = shard === undefined ? [topic] : [topic, shardTopic(shard, topic)];
    if (!spaces.some((space) => [...this.#filters].some((filter) => filterMatches(filter, space)))) return;
    this.deliveries.push({ topic, payload: Buffer.from(payload).toString('latin1'), qos, origin });
  }
}

function asRecord({ topic, payload, qos, retain, origin }: FederatedMessage, stampMs: number): StoredRecord {
  return { topic, payload: Buffer.from(payload).toString('latin1'), qos, retain, stampMs, origin };
}

function parse(record: Uint8Array): StoredRecord {
  return JSON.parse(Buffer.from(record).toString());
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
