import type { Logger } from 'pino';
import { LatticeError, messageOf } from '../../core/errors/index.ts';
import type { DurableLog } from '../../core/log/index.ts';
import type { Clock, HlcClock, HlcPutBack, Timer } from '../../core/time/index.ts';
import {
  type Applied,
  type BatchRecord,
  type BrokerRecord,
  BrokerState,
  type DeliveryId,
  decodeRecord,
  encodeRecord,
  type PublishRecord,
  type StateBounds,
} from '../state/index.ts';
import { readCheckpoint, writeCheckpoint } from './checkpoint-file.ts';
import { CommitQueue } from './commit-queue.ts';

export interface StoreOptions {
  brokerId: string;
  /** Folder of the checkpoint. */
  directory: string;
  log: DurableLog;
  bounds: StateBounds;
  /** Bound of the journal; a checkpoint is written each time that an eighth of it is new. */
  journalBytesMax: number;
  clock: Clock;
  /** Stamps what this broker retains and claims. */
  hlc: HlcClock;
  logger: Logger;
}

export interface Committed {
  position: number;
  applied: Applied;
}

const READ_BYTES = 1_024 * 1_024;
const CHECKPOINT_BYTES_MAX = 32 * 1_024 * 1_024;
const CHECKPOINT_RETRY_MS = 5_000;
const MOVE_RETRY_MS = 5_000;
/** Acknowledgements of subscribers wait this long for company; after a crash they may be delivered again. */
const ACK_DELAY_MS = 50;

/** The persistent state and the journal that makes it so: changes are appended, synced, applied, and then seen. */
export class BrokerStore {
  readonly state: BrokerState;
  readonly log: DurableLog;
  readonly queue: CommitQueue;
  readonly hlc: HlcClock;
  readonly #options: StoreOptions;
  readonly #acks = new Map<string, DeliveryId[]>();
  #ackTimer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #moveTimer: Timer | undefined;
  #bytesSinceCheckpoint = 0;
  #checkpoint: Promise<void> | undefined;
  #closing: Promise<void> | undefined;
  /** Whether the journal has begun anew, at positions that were in use before or might have been. */
  readonly isJournalNew: boolean;
  /** Called before something takes its place in the journal, so that what came earlier and is still being gathered goes first. */
  beforeAppend: () => void = () => {};
  /** Told of each record of messages that did not come over a link, in the turn in which it is applied; packets are left out. */
  onPublished: (position: number, record: PublishRecord | BatchRecord) => void = () => {};
  /** Told of each change right after it was applied. */
  onApplied: (applied: Applied) => void = () => {};

  private constructor(options: StoreOptions, state: BrokerState, isJournalNew: boolean) {
    this.#options = options;
    this.isJournalNew = isJournalNew;
    this.state = state;
    this.log = options.log;
    this.queue = new CommitQueue(options.log, options.clock);
    this.hlc = options.hlc;
  }

  /** Loads the checkpoint and replays the journal behind it. */
  static async open(options: StoreOptions): Promise<BrokerStore> {
    const { brokerId, directory, log, bounds, logger } = options;
    let state = new BrokerState(brokerId, bounds);
    const result = await readCheckpoint(directory, state);
    if (result === 'damaged') {
      logger.error(
        { code: 'JOURNAL_DAMAGED', directory },
        'the checkpoint is damaged; the state is rebuilt from what the journal still holds',
      );
      state = new BrokerState(brokerId, bounds);
    }
    const isBehind = log.nextPosition <= state.position;
    if (isBehind) restartPositions(state, options);
    const firstWanted = state.position + 1;
    if (log.firstPosition > firstWanted) {
      logger.error(
        { code: 'JOURNAL_DAMAGED', from: firstWanted, to: log.firstPosition - 1 },
        'the journal lacks records that the state needs',
      );
    }
    const store = new BrokerStore(options, state, isBehind || log.nextPosition === 0);
    await store.#replay(firstWanted);
    await store.#takeUpStamps();
    const nowMs = options.clock.monotonicMs();
    for (const session of state.sessions.values()) {
      session.awaySinceMs = nowMs;
      session.continueMessageIds();
    }
    return store;
  }

  /** Makes a change durable, then applies it. Rejects with the journal's error; then nothing has changed. */
  commit(record: BrokerRecord): Promise<Committed> {
    return new Promise((resolve, reject) => {
      this.commitWith(record, (position, applied) => resolve({ position, applied }), reject);
    });
  }

  /** The same with callbacks, which run in the order of the journal, in the turn in which the change is applied. */
  commitWith(
    record: BrokerRecord,
    onCommitted: (position: number, applied: Applied) => void,
    onFailed: (error: unknown) => void,
  ): void {
    this.beforeAppend();
    const encoded = encodeRecord(record);
    // The payload is a view on the record from here on, so that the socket's buffer behind it can go.
    const own =
      'payload' in record ? { ...record, payload: encoded.subarray(encoded.length - record.payload.length) } : record;
    this.#append(
      encoded,
      (position) => {
        const applied = this.state.apply(position, own);
        if ((own.kind === 'publish' || own.kind === 'batch') && own.link === undefined) this.onPublished(position, own);
        this.onApplied(applied);
        onCommitted(position, applied);
      },
      onFailed,
    );
  }

  /**
   * Makes a batch of packets durable: version 2 of state/batch.ts, as it is. Whoever is called back applies it to the state, in the
   * same turn. The bytes are to stay as they are until then.
   */
  commitPackets(encoded: Buffer, onCommitted: (position: number) => void, onFailed: (error: unknown) => void): void {
    this.#append(encoded, onCommitted, onFailed);
  }

  /** Calls back after everything that came so far has taken effect; at once when there is nothing. */
  after(callback: () => void): void {
    this.beforeAppend();
    this.queue.after(callback);
  }

  /** Notes that a subscriber has acknowledged a delivery, which was taken out of its queue already. */
  acknowledged(clientId: string, id: DeliveryId): void {
    const ids = this.#acks.get(clientId);
    if (ids === undefined) this.#acks.set(clientId, [id]);
    else ids.push(id);
    this.#ackTimer ??= this.#options.clock.setTimer(ACK_DELAY_MS, () => this.#recordAcks());
  }

  /** Writes what is pending and a last checkpoint, and closes the journal. Safe twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.beforeAppend();
    this.#recordAcks();
    this.#retryTimer?.cancel();
    this.#moveTimer?.cancel();
    await this.queue.idle();
    await this.#checkpoint;
    if (this.#bytesSinceCheckpoint > 0) await this.#writeCheckpoint();
    this.#retryTimer?.cancel();
    await this.log.close();
  }

  #append(encoded: Buffer, onCommitted: (position: number) => void, onFailed: (error: unknown) => void): void {
    // Above its bound the journal drops its oldest segment; the state must not depend on that one any more.
    if (this.#bytesSinceCheckpoint > this.#options.journalBytesMax / 2) {
      this.#checkpointIfDue();
      this.queue.after(() => onFailed(new LatticeError('LOG_FULL', 'No checkpoint could be written for too long.')));
      return;
    }
    this.queue.append(
      encoded,
      (position) => {
        this.#bytesSinceCheckpoint += encoded.length;
        onCommitted(position);
        this.#checkpointIfDue();
      },
      onFailed,
    );
  }

  #checkpointIfDue(): void {
    const threshold = Math.min(CHECKPOINT_BYTES_MAX, this.#options.journalBytesMax / 8);
    if (this.#bytesSinceCheckpoint <= threshold || this.#retryTimer !== undefined) return;
    this.#checkpoint ??= this.#writeCheckpoint().finally(() => {
      this.#checkpoint = undefined;
    });
  }

  async #writeCheckpoint(): Promise<void> {
    const covered = this.#bytesSinceCheckpoint;
    try {
      const position = await writeCheckpoint(this.#options.directory, this.state);
      this.#bytesSinceCheckpoint -= covered;
      await this.log.trim(position);
    } catch (cause) {
      this.#options.logger.error({ error: messageOf(cause) }, 'no checkpoint could be written; trying again');
      this.#retryTimer = this.#options.clock.setTimer(CHECKPOINT_RETRY_MS, () => {
        this.#retryTimer = undefined;
        this.#checkpointIfDue();
      });
    }
  }

  /**
   * The clock goes on above the stamps on disk. Those that are beyond belief were written while the wall clock was wrong: they are
   * moved back before anything is stamped, as they are when the clock is put right while the broker runs.
   */
  async #takeUpStamps(): Promise<void> {
    let moved: Promise<unknown> = Promise.resolve();
    const stop = this.hlc.onPutBack((putBack) => {
      moved = this.#moveStamps(putBack);
    });
    this.hlc.restore(this.state.retained.latestStampMs);
    this.hlc.now();
    stop();
    await moved;
    this.hlc.onPutBack((putBack) => void this.#moveStamps(putBack));
  }

  /** In the journal it stands behind all that was stamped before, and before all that is stamped from now on. */
  async #moveStamps(putBack: HlcPutBack): Promise<void> {
    const { logger } = this.#options;
    const byMs = Math.round(putBack.fromMs - putBack.toMs);
    try {
      await this.commit({ kind: 'putBack', ...putBack });
      logger.warn({ byMs }, 'the clock was ahead and has been put right; stamps of retained messages were moved along');
    } catch (error) {
      logger.error({ error: messageOf(error) }, 'stamps of a wrong clock could not be moved back; trying again');
      if (this.#closing !== undefined) return;
      this.#moveTimer = this.#options.clock.setTimer(MOVE_RETRY_MS, () => void this.#moveStamps(putBack));
    }
  }

  #recordAcks(): void {
    this.#ackTimer?.cancel();
    this.#ackTimer = undefined;
    if (this.#acks.size === 0) return;
    const record: BrokerRecord = { kind: 'acked', acks: [...this.#acks] };
    this.#acks.clear();
    // They took effect when they came; a failure only means that a crash would deliver again.
    this.#append(
      encodeRecord(record),
      (position) => {
        this.state.position = position;
      },
      () => {},
    );
  }

  async #replay(fromPosition: number): Promise<void> {
    let next = fromPosition;
    for (;;) {
      const records = await this.log.read(next, READ_BYTES);
      const last = records.at(-1);
      if (last === undefined) return;
      for (const { position, payload } of records) {
        // A copy, so that one small payload does not keep the whole chunk in memory.
        const record = decodeRecord(Uint8Array.from(payload));
        if (record !== undefined) this.state.apply(position, record);
        this.#bytesSinceCheckpoint += payload.length;
      }
      next = last.position + 1;
    }
  }
}

/** The journal begins anew while the checkpoint does not: what the sessions hold stays, their positions mean nothing. */
function restartPositions(state: BrokerState, { log, logger }: StoreOptions): void {
  logger.error(
    { code: 'JOURNAL_DAMAGED', checkpoint: state.position, journal: log.nextPosition },
    'the journal is older than the checkpoint',
  );
  state.position = log.nextPosition - 1;
  for (const session of state.sessions.values()) {
    session.appliedPosition = -1;
    // The positions that they were named after will be in use again.
    for (const delivery of session.queue.deliveries()) delivery.id = `old:${delivery.id}`;
  }
  for (const will of state.wills.values()) will.appliedPosition = -1;
}
