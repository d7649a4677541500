import { LatticeError } from '../../../core/errors/index.ts';
import type { HardState, Snapshot } from '../../../gateway/consensus/raft/index.ts';
import type { PersistBatch, Recovered } from '../../../gateway/consensus/replica/index.ts';
import { decodeRecord, encodeRecord, type LogRecord, Replay } from '../../../gateway/consensus/storage/index.ts';
import type { DiskContents, Machine } from '../world/index.ts';
import type { Stored, Wire } from './types.ts';

/** Of the timer after which a full disk is tried again. */
export const RETRY_TIMER = 1;
const RETRY_MS = 250;
/** Of the timer after which a checkpoint that failed is written again. */
export const CHECKPOINT_TIMER = 2;
const CHECKPOINT_MS = 2_000;
const NOTHING: HardState = { term: 0, vote: 0, commit: 0 };

export interface MemberDiskOptions {
  machine: Machine<Wire, Stored>;
  contents: DiskContents<Stored>;
  /** The oldest batch that was not told of yet is on disk. */
  onPersisted: () => void;
  onCheckpointed: (index: number) => void;
  onFull: () => void;
  /** The device failed: this life is over. */
  onFailed: () => void;
}

type Failure = 'ENOSPC' | 'EIO';

interface Request {
  ticket: number;
  done: () => void;
  failed: (code: Failure) => void;
}

/**
 * What gateway/consensus does to its disk, in requests to the simulated one: the order of DiskQueue and RaftStorage (one write
 * at a time, what waits goes together; a leader's snapshot before the record of it; the log below is dropped last). What is read
 * back goes through the production decoder and Replay.
 */
export class MemberDisk {
  readonly recovered: Recovered;
  /** Nothing was found. */
  readonly isNew: boolean;
  readonly #options: MemberDiskOptions;
  readonly #requests: Request[] = [];
  /** Of each record that is there: the index of its last entry, 0 for none. */
  readonly #lastIndexes: number[] = [];
  #firstRecord: number;
  #snapshot: Snapshot | undefined;
  /** The newest that was asked to be written. */
  #hardState: HardState;
  #unwritten: Snapshot | undefined;
  #waiting: PersistBatch[] = [];
  #writing: PersistBatch[] = [];
  #isWriting = false;

  /** Throws RAFT_STORAGE_DAMAGED. */
  constructor(options: MemberDiskOptions) {
    this.#options = options;
    const { machine, contents } = options;
    const { checkpoint, records, firstRecord } = contents;
    if (checkpoint?.isIntact === false) throw damaged('its snapshot has wrong bytes');
    this.#snapshot = checkpoint === undefined ? undefined : snapshotIn(checkpoint.value);
    this.#firstRecord = firstRecord;
    const replay = new Replay(this.#snapshot);
    for (const [nth, { value, isIntact }] of records.entries()) {
      if (!isIntact) {
        if (nth < records.length - 1) throw damaged(`record ${firstRecord + nth} is lost`);
        this.#request(machine.truncate(firstRecord + nth), () => {});
        break;
      }
      const record = decodeRecord(recordIn(value));
      replay.add(record);
      this.#lastIndexes.push(record.entries.at(-1)?.index ?? 0);
    }
    this.recovered = replay.result();
    this.#hardState = this.recovered.hardState;
    const isBare = this.#lastIndexes.length === 0;
    if (this.#snapshot !== undefined && isBare) throw damaged('there is a snapshot, and no record beside it');
    this.isNew = this.#snapshot === undefined && this.#hardState.term === 0 && this.recovered.entries.length === 0;
  }

  write(batch: PersistBatch): void {
    this.#waiting.push(batch);
    if (!this.#isWriting) this.#writeNext();
  }

  /** Also while a batch is being written; again until it is done. */
  checkpoint(snapshot: Snapshot): void {
    const { index } = snapshot.metadata;
    const retry = (code: Failure): void => {
      if (code === 'EIO') return;
      this.#unwritten = snapshot;
      this.#options.machine.setTimer(CHECKPOINT_MS, CHECKPOINT_TIMER);
    };
    const append = (): void => {
      const hardState = { ...this.#hardState, commit: index };
      const done = (): void => {
        this.#trim(index);
        this.#options.onCheckpointed(index);
      };
      this.#append({ hardState, resetTo: undefined, entries: [] }, done, retry);
    };
    this.#save(snapshot, append, retry);
  }

  onDone(upTo: number): void {
    for (let next = this.#take(upTo); next !== undefined; next = this.#take(upTo)) next.done();
  }

  onFailed(upTo: number, code: Failure): void {
    for (let next = this.#take(upTo); next !== undefined; next = this.#take(upTo)) next.failed(code);
  }

  onTimer(timer: number): void {
    if (timer === RETRY_TIMER) this.#persist();
    else this.checkpoint(this.#unwritten as Snapshot);
  }

  #take(upTo: number): Request | undefined {
    const [next] = this.#requests;
    return next !== undefined && next.ticket <= upTo ? this.#requests.shift() : undefined;
  }

  #writeNext(): void {
    const next = this.#waiting.findIndex(({ snapshot }, nth) => nth > 0 && snapshot !== undefined);
    this.#writing = this.#waiting.splice(0, next === -1 ? this.#waiting.length : next);
    this.#isWriting = this.#writing.length > 0;
    if (this.#isWriting) this.#persist();
  }

  #persist(): void {
    const batches = this.#writing;
    const snapshot = batches[0]?.snapshot;
    const hardState = batches.findLast((batch) => batch.hardState !== undefined)?.hardState ?? this.#hardState;
    const entries = batches.flatMap((batch) => batch.entries);
    this.#hardState = hardState;
    const retry = (code: Failure): void => {
      if (code === 'EIO') return;
      this.#options.onFull();
      this.#options.machine.setTimer(RETRY_MS, RETRY_TIMER);
    };
    const append = (): void => {
      const resetTo = snapshot?.metadata.index;
      const done = (): void => {
        if (resetTo !== undefined) this.#trim(resetTo);
        this.#written();
      };
      this.#append({ hardState, resetTo, entries }, done, retry);
    };
    const save = (): void => this.#save(snapshot as Snapshot, append, retry);
    if (snapshot === undefined) append();
    // So that a snapshot without any log is known for what it is: a log that was lost, and the votes with it.
    else if (this.#lastIndexes.length === 0)
      this.#append({ hardState: NOTHING, resetTo: undefined, entries: [] }, save, retry);
    else save();
  }

  #written(): void {
    for (const _ of this.#writing) this.#options.onPersisted();
    this.#writeNext();
  }

  /** An older one does not take the place of a newer one. */
  #save(snapshot: Snapshot, done: () => void, failed?: Request['failed']): void {
    if (snapshot.metadata.index <= (this.#snapshot?.metadata.index ?? 0)) {
      done();
      return;
    }
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    const ticket = this.#options.machine.saveCheckpoint({ snapshot }, snapshot.data.length, this.#firstRecord);
    this.#request(ticket, done, (code) => {
      if (this.#snapshot === snapshot) this.#snapshot = before;
      failed?.(code);
    });
  }

  #append(record: LogRecord, done: () => void, failed?: Request['failed']): void {
    const bytes = encodeRecord(record);
    this.#request(
      this.#options.machine.append({ record: bytes }, bytes.length),
      () => {
        this.#lastIndexes.push(record.entries.at(-1)?.index ?? 0);
        done();
      },
      failed,
    );
  }

  /** Drops the records that hold nothing above the index. */
  #trim(index: number): void {
    const needed = this.#lastIndexes.findIndex((lastIndex) => lastIndex > index);
    const count = needed === -1 ? this.#lastIndexes.length - 1 : needed;
    if (count <= 0 || this.#snapshot === undefined) return;
    const firstRecord = this.#firstRecord + count;
    this.#request(this.#options.machine.saveCheckpoint({ snapshot: this.#snapshot }, 0, firstRecord), () => {
      this.#lastIndexes.splice(0, firstRecord - this.#firstRecord);
      this.#firstRecord = Math.max(this.#firstRecord, firstRecord);
    });
  }

  #request(ticket: number, done: () => void, failed?: Request['failed']): void {
    this.#requests.push({
      ticket,
      done,
      failed: (code) => {
        if (code === 'EIO') this.#options.onFailed();
        failed?.(code);
      },
    });
  }
}

function snapshotIn(stored: Stored): Snapshot {
  if (!('snapshot' in stored)) throw new Error('a checkpoint that is no snapshot');
  return stored.snapshot;
}

function recordIn(stored: Stored): Uint8Array {
  if (!('record' in stored)) throw new Error('a record that is none');
  return stored.record;
}

function damaged(detail: string): LatticeError {
  return new LatticeError('RAFT_STORAGE_DAMAGED', `The log of what the gateways have agreed on: ${detail}.`);
}
