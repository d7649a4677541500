import type { Link } from '../core/device-link/index.ts';
import { LatticeError } from '../core/errors/index.ts';
import type { DurableLog, LogCursor } from '../core/log/index.ts';
import type { Clock } from '../core/time/index.ts';
import type { Gap } from '../core/wire/index.ts';
import type { Boots } from './boots.ts';
import type { Published } from './published.ts';
import type { Stamps } from './time/index.ts';

/**
 * Publishes the log's records in order at QoS 1 and moves the cursor on as they are acknowledged.
 *
 * Boot id and sequence number of a reading follow from its position in the log, see boots.ts, and its stamp from the record and what
 * was first learnt of its time, see time/time-lines.ts. So a reading that is published again, after a lost connection or a SIGKILL, has
 * the same bytes, and the gateways know it. Positions that are missing when the log is read were dropped at its bound (or damaged), and are
 * declared as a gap in their place, with their numbers.
 *
 * What has been read ahead stays in memory until it is acknowledged: at most a read of the log.
 */
export interface PublisherOptions {
  log: DurableLog;
  cursor: LogCursor;
  published: Published;
  boots: Boots;
  stamps: Stamps;
  link: Link;
  clock: Clock;
  windowMax: number;
  /** Told of readings that were dropped or damaged before they were published. */
  onGap: (error: LatticeError, readings: number) => void;
}

interface Item {
  kind: 'state' | 'gap';
  payload: string;
  /** The cursor goes here once this item and all before it are acknowledged. */
  endPosition: number;
  isAcknowledged: boolean;
}

const READ_BYTES = 64 * 1024;
/** Whole segments behind the cursor are dropped this often. */
const TRIM_EVERY = 1_000;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #stopping = new AbortController();
  /** Read and not acknowledged, in order; the first #underWay of them are on the present connection. */
  #items: Item[] = [];
  #underWay = 0;
  #readPosition: number;
  #untrimmed = 0;
  #running: Promise<void> | undefined;
  /** Ends the wait for a place among the items. */
  #wake: () => void = () => {};
  acknowledged = 0;
  dropped = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#readPosition = options.published.position;
  }

  start(): void {
    this.#running ??= this.#start();
  }

  /** What the log dropped while nobody could be told, it moved the cursor over: that is declared first. */
  async #start(): Promise<void> {
    const { log, cursor } = this.#options;
    if (this.#readPosition < log.firstPosition) this.#takeGap(log.firstPosition);
    this.#readPosition = Math.max(this.#readPosition, cursor.position);
    await this.#fill();
  }

  /** Stops reading and waits until what is on disk is acknowledged, at most timeoutMs; then makes the cursor durable. */
  async stop(timeoutMs: number): Promise<void> {
    const { log, cursor, published, link, clock } = this.#options;
    const timeout = Promise.withResolvers<void>();
    const timer = clock.setTimer(timeoutMs, timeout.resolve);
    while (link.isUp && (this.#items.length > 0 || this.#readPosition < log.durablePosition)) {
      const woken = new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
      const isOver = await Promise.race([woken.then(() => false), timeout.promise.then(() => true)]);
      if (isOver) break;
    }
    timer.cancel();
    this.#stopping.abort();
    this.#wake();
    await this.#running;
    await cursor.flush();
    await published.close();
  }

  linkUp(): void {
    this.#pump();
  }

  linkDown(): void {
    this.#underWay = 0;
    this.#items = this.#items.filter((item) => !item.isAcknowledged);
    this.#drained();
  }

  #drained: () => void = () => {};

  async #fill(): Promise<void> {
    const { log, windowMax } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      if (this.#items.length >= windowMax) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      await log.waitBeyond(this.#readPosition, signal);
      if (signal.aborted) return;
      const end = log.durablePosition;
      const records = await log.read(this.#readPosition, READ_BYTES);
      for (const { position, payload } of records) {
        if (position > this.#readPosition) this.#takeGap(position);
        const stamped = await this.#stamped(Buffer.from(payload).toString('utf8'));
        if (stamped === undefined) return;
        this.#items.push({
          kind: 'state',
          payload: this.#numbered(stamped, position),
          endPosition: position + 1,
          isAcknowledged: false,
        });
        this.#readPosition = position + 1;
      }
      if (records.length === 0 && end > this.#readPosition) this.#takeGap(end);
      this.#pump();
    }
  }

  /** Positions from #readPosition to below the given one are gone. */
  #takeGap(belowPosition: number): void {
    const { log, boots, onGap } = this.#options;
    const isDamage = log.gaps.some(
      (gap) => gap.cause === 'damaged' && gap.fromPosition < belowPosition && gap.toPosition >= this.#readPosition,
    );
    const code = isDamage ? 'DISK_FAILED' : 'SHIM_RING_FULL';
    const readings = belowPosition - this.#readPosition;
    this.dropped += readings;
    onGap(new LatticeError(code, `${readings} readings were dropped before they were published.`), readings);
    let endPosition = this.#readPosition;
    for (const range of boots.rangesOf(this.#readPosition, belowPosition)) {
      endPosition += range.toSeq - range.fromSeq + 1;
      const gap: Gap = { ...range, cause: code };
      this.#items.push({ kind: 'gap', payload: JSON.stringify(gap), endPosition, isAcknowledged: false });
    }
    this.#readPosition = belowPosition;
  }

  #pump(): void {
    const { link, windowMax } = this.#options;
    while (link.isUp && this.#underWay < windowMax) {
      const item = this.#items[this.#underWay];
      if (item === undefined) return;
      this.#underWay++;
      link.publish(item.kind, item.payload, { qos: 1 }, () => this.#acknowledge(item));
    }
  }

  #acknowledge(item: Item): void {
    item.isAcknowledged = true;
    if (item.kind === 'state') this.acknowledged++;
    let done = 0;
    while (this.#items[done]?.isAcknowledged) done++;
    if (done > 0) {
      const last = this.#items[done - 1] as Item;
      this.#items.splice(0, done);
      this.#underWay -= done;
      this.#advance(last.endPosition, done);
    }
    this.#pump();
    this.#wake();
    this.#drained();
  }

  #advance(position: number, items: number): void {
    const { log, cursor, published } = this.#options;
    cursor.advance(position);
    published.advance(position);
    this.#untrimmed += items;
    if (this.#untrimmed < TRIM_EVERY) return;
    this.#untrimmed = 0;
    // Only tidies up: the bound holds all the same, so a disk that refuses is no reason to stop publishing.
    // What goes must be known to be published, or a start after a crash would declare it lost.
    void published
      .flush()
      .then(() => log.trim(position))
      .catch(() => {});
  }

  /** The record with its stamp, which may have to be waited for; undefined when it stops. */
  async #stamped(record: string): Promise<string | undefined> {
    const { stamps } = this.#options;
    const { signal } = this.#stopping;
    for (;;) {
      if (signal.aborted) return undefined;
      const stamped = stamps.published(record);
      if (stamped !== undefined) return stamped;
      this.#pump();
      await stamps.changed(signal);
    }
  }

  /** The record with what only its place in the log says. */
  #numbered(record: string, position: number): string {
    const { boot, seq } = this.#options.boots.of(position);
    return `{"seq":${seq},"boot":"${boot}",${record.slice(1)}`;
  }
}
