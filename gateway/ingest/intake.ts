import { LatticeError, messageOf } from '../../core/errors/index.ts';
import type { DurableLog } from '../../core/log/index.ts';
import type { Clock } from '../../core/time/index.ts';
import {
  deviceMetaSchema,
  gapSchema,
  healthSchema,
  identityOf,
  isReadingFault,
  linkGapSchema,
  type MeshTopic,
  parseMeshTopic,
  parseReading,
  parseShardTopic,
  type StampedReading,
} from '../../core/wire/index.ts';
import type { Ledger, ReadingKey } from '../account/index.ts';
import { type BufferRecord, encodeRecord, isCounted, type Readable } from '../buffer/index.ts';
import type { DeviceRegistry } from '../registry/index.ts';

/** Numbers below one millisecond in a stamp of nanoseconds. */
const TIE_BREAKS = 1_000_000;

export interface IntakeOptions {
  clock: Clock;
  /** The buffer; what is in it is safe. */
  log: DurableLog;
  ledger: Ledger;
  registry: DeviceRegistry;
  /** Told of each reading that is safe in the buffer and part of the account. */
  onTaken: () => void;
  /** Told what was refused and why; the message is acknowledged all the same, since sending it again cannot help. */
  onRefused: (refused: { topic: string; payload: Uint8Array; error: LatticeError }) => void;
}

/**
 * Takes messages in: checks them, leaves out what came before, and puts the rest into the buffer. A message may be
 * acknowledged once `take` has resolved; when it rejects, the disk failed and the message has to come again.
 */
export class Intake {
  readonly #options: IntakeOptions;
  /** Appends under way by reading, so that a duplicate is not acknowledged before the first of its kind is safe. */
  readonly #inFlight = new Map<string, Promise<void>>();
  #takenPosition: number;
  #tieBreak = 0;
  readonly counters = { received: 0, refused: 0 };

  /** takenPosition: up to where the ledger has been fed from the log. */
  constructor(options: IntakeOptions, takenPosition: number) {
    this.#options = options;
    this.#takenPosition = takenPosition;
  }

  /** Every record of the log below this position is in the ledger. */
  get takenPosition(): number {
    return this.#takenPosition;
  }

  async take(deliveredTopic: string, payload: Uint8Array): Promise<void> {
    const topic = parseShardTopic(deliveredTopic)?.topic ?? deliveredTopic;
    try {
      const parsed = parseMeshTopic(topic);
      if (parsed !== undefined) await this.#takeKind(parsed, payload);
      else if (topic.startsWith('mesh/'))
        throw new LatticeError('TOPIC_INVALID', `${topic} names nothing of the mesh.`);
    } catch (error) {
      if (!(error instanceof LatticeError) || !isReadingFault(error)) throw error;
      await this.#declareRefused(topic, payload, error);
      this.counters.refused++;
      this.#options.onRefused({ topic, payload, error });
    }
  }

  /** The number of a refused reading is not missing: it came, and was dropped for a reason. */
  async #declareRefused(topic: string, payload: Uint8Array, error: LatticeError): Promise<void> {
    const source = parseMeshTopic(topic);
    const identity = source?.kind === 'state' ? identityOf(payload) : undefined;
    if (source === undefined || identity === undefined) return;
    const { site, device } = source;
    const { boot, seq } = identity;
    if (this.#options.ledger.has({ site, device, boot, seq })) return;
    const gap = { boot, fromSeq: seq, toSeq: seq, cause: error.code };
    await this.#append({ type: 'gap', site, device, atMs: Math.round(this.#options.clock.wallMs()), gap });
  }

  #takeKind(topic: MeshTopic, payload: Uint8Array): Promise<void> | undefined {
    switch (topic.kind) {
      case 'state':
        return this.#takeReading(topic, payload);
      case 'gap':
        return this.#append({
          type: 'gap',
          site: topic.site,
          device: topic.device,
          atMs: Math.round(this.#options.clock.wallMs()),
          gap: parseWith(gapSchema, payload),
        });
      case 'health':
        return this.#takeHealth(topic, payload);
      case 'linkgap':
        return this.#takeLinkGap(topic, payload);
      case 'availability':
        this.#takeAvailability(topic, payload);
        return undefined;
      case 'meta':
        // An empty payload clears a retained message.
        if (payload.byteLength > 0) {
          this.#options.registry.noteMeta(topic.site, topic.device, parseWith(deviceMetaSchema, payload));
        }
        return undefined;
      case 'cmd':
      case 'reply':
      case 'deadletter':
      case 'time':
      case 'now':
        return undefined;
    }
  }

  /** An empty payload clears the retained message of a node that is gone. */
  async #takeHealth(topic: MeshTopic, payload: Uint8Array): Promise<void> {
    if (payload.byteLength === 0) return;
    const health = parseWith(healthSchema, payload);
    if (health.node !== topic.device) throw new LatticeError('READING_SCHEMA', `This is the health of ${health.node}.`);
    await this.#append({ type: 'health', site: topic.site, health });
  }

  async #takeLinkGap(topic: MeshTopic, payload: Uint8Array): Promise<void> {
    const gap = parseWith(linkGapSchema, payload);
    if (gap.node !== topic.device) throw new LatticeError('READING_SCHEMA', `This is a gap of ${gap.node}.`);
    await this.#append({ type: 'linkgap', site: topic.site, gap });
  }

  #takeAvailability(topic: MeshTopic, payload: Uint8Array): void {
    const text = Buffer.from(payload).toString('utf8');
    if (text === 'online' || text === 'offline') {
      this.#options.registry.noteAvailability(topic.site, topic.device, text);
    } else if (text !== '') {
      throw new LatticeError('READING_SCHEMA', 'availability is neither "online" nor "offline".');
    }
  }

  async #takeReading({ site, device }: MeshTopic, payload: Uint8Array): Promise<void> {
    this.counters.received++;
    const receivedMs = this.#options.clock.wallMs();
    const { tsMs = receivedMs, ...rest } = parseReading(payload, receivedMs);
    const reading: StampedReading = { site, device, tsMs: Math.round(tsMs), ...rest };
    // Stamped on receipt and without a number, nothing else tells two readings of one millisecond apart.
    if (rest.timeQuality === 'none' && rest.seq === undefined) reading.tieBreak = this.#nextTieBreak();
    this.#options.registry.noteReading(reading, receivedMs);
    const { boot, seq } = reading;
    if (boot === undefined || seq === undefined) {
      await this.#append({ type: 'reading', reading });
      return;
    }
    await this.#takeOnce({ site, device, boot, seq }, { type: 'reading', reading });
  }

  #nextTieBreak(): number {
    this.#tieBreak = (this.#tieBreak + 1) % TIE_BREAKS;
    return this.#tieBreak;
  }

  async #takeOnce(key: ReadingKey, record: Readable): Promise<void> {
    const name = `${key.site}/${key.device}/${key.boot}/${key.seq}`;
    const underWay = this.#inFlight.get(name);
    if (underWay !== undefined || this.#options.ledger.has(key)) {
      await underWay;
      this.#options.ledger.countDuplicate();
      return;
    }
    const append = this.#append(record);
    this.#inFlight.set(name, append);
    try {
      await append;
    } finally {
      this.#inFlight.delete(name);
    }
  }

  async #append(record: Readable): Promise<void> {
    const position = await this.#options.log.append(encodeRecord(record));
    noteRecord(this.#options.ledger, record);
    if (isCounted(record)) this.#options.onTaken();
    this.#takenPosition = position + 1;
  }
}

/** Feeds one record of the log to the ledger; also when the log is read again at a start. */
export function noteRecord(ledger: Ledger, record: BufferRecord): void {
  if (record.type === 'gap') {
    const { site, device, gap } = record;
    ledger.declareDropped({ site, device, boot: gap.boot }, gap.fromSeq, gap.toSeq);
  } else if (isCounted(record)) {
    const { site, device, boot, seq } = record.reading;
    if (boot === undefined || seq === undefined) ledger.takeUnsequenced();
    else ledger.take({ site, device, boot, seq });
  }
}

function parseWith<T>(schema: { parse: (value: unknown) => T }, payload: Uint8Array): T {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(payload).toString('utf8'));
  } catch (cause) {
    throw new LatticeError('READING_NOT_JSON', `${messageOf(cause)}.`, { cause });
  }
  try {
    return schema.parse(json);
  } catch (cause) {
    throw new LatticeError('READING_SCHEMA', `${messageOf(cause)}`, { cause });
  }
}
