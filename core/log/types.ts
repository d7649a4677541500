/**
 * A durable log: records in order, each with a sequence number (its position), kept in segment files.
 *
 * Append is cheap and groups: records that arrive within one group are written with one writev and one fdatasync.
 * Nothing that depends on a record may be acknowledged before `append` has resolved.
 */
export interface DurableLog {
  /** Position of the oldest record still there. Equal to nextPosition when empty. */
  readonly firstPosition: number;
  /** Position that the next record will get. */
  readonly nextPosition: number;
  /** Every record below this position is synced. */
  readonly durablePosition: number;
  /** Bytes on disk, all segments. */
  readonly bytes: number;
  /** What was lost to damage, found at opening or by reading. */
  readonly gaps: readonly LogGap[];
  /**
   * Whether the end of the log may have been lost before it was opened, so that positions from nextPosition (at opening)
   * on may have been given before, to records that were acknowledged: bytes at the end were cut off, or the machine
   * stopped while the log was open, or less is left than was known to be there.
   *
   * This is ordinary after SIGKILL or a power cut: a write that was torn looks the same as records that were lost, and
   * mostly nothing was. So what follows from it must cost little: a new name for what comes from here on, no alarm.
   * What is certainly lost is in `gaps` as well, and its positions are not given again. False after a clean close that
   * left everything in its place.
   */
  readonly isTailCut: boolean;

  /**
   * Appends one record. Resolves with its position once it is synced.
   * Rejects with LOG_RECORD_TOO_LARGE, LOG_FULL, DISK_FULL, DISK_FAILED or LOG_CLOSED; then the record is not in the log.
   * The bytes are not copied before they are written: leave them as they are until the promise settles.
   */
  append(record: Uint8Array): Promise<number>;

  /**
   * Reads records from a position on, synced ones only, at most bytesMax of payload but at least one record if there is one.
   * A position that was dropped or damaged is skipped to the next record that is there: look at the positions returned.
   */
  read(fromPosition: number, bytesMax: number): Promise<LogRecord[]>;

  /** Resolves when durablePosition is above the position, or when the signal aborts. */
  waitBeyond(position: number, signal?: AbortSignal): Promise<void>;

  /**
   * Opens the named cursor. One that is new stands before the oldest record, or with `next` behind the newest. A record that
   * a cursor has yet to read is not trimmed.
   */
  cursor(name: string, newAt?: 'oldest' | 'next'): Promise<LogCursor>;

  /** The cursors that the log has, whether anybody has opened them since it was opened or not. */
  cursorNames(): string[];

  /** Forgets a cursor and its file, so that it holds nothing back any more. */
  removeCursor(name: string): Promise<void>;

  /** Drops whole segments that lie below the position and below every cursor. */
  trim(belowPosition: number): Promise<void>;

  /** Syncs what is pending and closes. Safe twice. */
  close(): Promise<void>;
}

export interface LogRecord {
  position: number;
  payload: Uint8Array;
}

/** Positions that are lost, fromPosition and toPosition included. */
export interface LogGap {
  fromPosition: number;
  toPosition: number;
  cause: 'damaged' | 'dropped-at-bound';
}

export interface LogCursor {
  readonly name: string;
  /** The next position to read. */
  readonly position: number;
  /**
   * Moves the cursor on; never back. Durable in time (within a second, and at close), not at once: after a crash a reader
   * may see again what it has seen, and never misses what it has not.
   */
  advance(toPosition: number): void;
  /** Makes the present position durable now. */
  flush(): Promise<void>;
}

export interface LogOptions {
  /** Folder of this log alone; created if missing. */
  directory: string;
  /** Bytes at which a segment is closed and the next begun. Default 16 MiB. */
  segmentBytes?: number;
  /** Bound of all segments. Default 1 GiB. */
  bytesMax?: number;
  /**
   * At the bound, segments that every cursor has read go first. Then: `reject` refuses appends (LOG_FULL) until cursors
   * move on, or, when the log has no cursors, until it is trimmed; `drop-oldest` drops the oldest segment even
   * if a cursor has yet to read it, and records a gap. Default `reject`.
   */
  atBound?: 'reject' | 'drop-oldest';
  /** The largest record. Default 1 MiB. */
  recordBytesMax?: number;
  /** How long a group may wait for company before it is synced. Default 0: as soon as the last sync has ended. */
  groupDelayMs?: number;
  /**
   * Bytes of records that may wait for a sync. The back-pressure is the caller waiting for its appends: beyond the bound
   * they are still taken, and counted; beyond four times the bound they are refused (LOG_FULL), and counted.
   * Default 32 MiB.
   */
  pendingBytesMax?: number;
  /** Told of each group: how many records and bytes, how long the write and sync took. For metrics. */
  onGroup?: (group: { records: number; bytes: number; tookMs: number }) => void;
}
