import { dirname } from 'node:path';
import { LatticeError } from '../../core/errors/index.ts';
import type { LogFile, LogFs } from '../../core/log/index.ts';
import type { Random } from '../../core/random/index.ts';

/*
 * A disk in memory that keeps a journal of what was asked of it, so that a test can cut the power after any step and see
 * what a disk would hold then: of each file what was synced, of what was not synced anything (nothing, all, some of the
 * writes, one of them torn), and of the names in a folder those that were there when the folder was last synced.
 */
type Step =
  | { kind: 'create'; path: string; file: number }
  | { kind: 'write'; file: number; offset: number; bytes: Buffer }
  | { kind: 'truncate'; file: number; bytes: number }
  | { kind: 'datasync'; file: number }
  | { kind: 'failedSync'; file: number }
  | { kind: 'rename'; from: string; to: string }
  | { kind: 'unlink'; path: string }
  | { kind: 'syncDirectory'; directory: string };

type Change = Extract<Step, { kind: 'write' | 'truncate' }>;
type NameChange = Extract<Step, { kind: 'create' | 'rename' | 'unlink' }>;

export class PowerCutFs implements LogFs {
  readonly journal: Step[] = [];
  /** Bytes that all files may have together; a write beyond takes what fits and rejects with ENOSPC. */
  bytesMax = Number.POSITIVE_INFINITY;
  /** So many of the next calls reject with EIO. */
  readonly failing = { writes: 0, syncs: 0, truncates: 0, reads: 0 };
  syncs = 0;
  /** Syncs wait for this. */
  gate: Promise<void> = Promise.resolve();
  /** Which boot of the machine it is; a power cut makes it another. */
  boot = 1;
  #names = new Map<string, number>();
  #files: Buffer[] = [];
  /** What was there, all of it synced, when the journal began. */
  #before = { names: new Map<string, number>(), files: new Map<number, Buffer>() };
  readonly #locked = new Set<string>();

  async makeDirectory(): Promise<void> {}

  async readDirectory(directory: string): Promise<string[]> {
    return [...this.#names.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => path.slice(directory.length + 1));
  }

  async open(path: string, mode: 'create' | 'existing'): Promise<LogFile> {
    let file = this.#names.get(path);
    if (file === undefined) {
      if (mode === 'existing') throw errno('ENOENT');
      file = this.#files.push(Buffer.alloc(0)) - 1;
      this.#record({ kind: 'create', path, file });
      this.#names.set(path, file);
    }
    return this.#handle(file);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#record({ kind: 'rename', from, to });
    applyName(this.#names, { kind: 'rename', from, to });
  }

  async unlink(path: string): Promise<void> {
    if (!this.#names.has(path)) throw errno('ENOENT');
    this.#record({ kind: 'unlink', path });
    this.#names.delete(path);
  }

  async syncDirectory(directory: string): Promise<void> {
    this.#record({ kind: 'syncDirectory', directory });
  }

  async machineBoot(): Promise<string> {
    return String(this.boot);
  }

  async lock(directory: string): Promise<() => Promise<void>> {
    if (this.#locked.has(directory)) throw new LatticeError('DATA_LOCKED', `${directory} is locked.`);
    this.#locked.add(directory);
    return async () => {
      this.#locked.delete(directory);
    };
  }

  /** Names of the files whose content is as given by the pattern, in order. */
  pathsLike(pattern: RegExp): string[] {
    return [...this.#names.keys()].filter((path) => pattern.test(path)).sort();
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const file of this.#names.values()) bytes += this.#files[file]!.length;
    return bytes;
  }

  contentOf(path: string): Buffer {
    return this.#files[this.#names.get(path)!]!;
  }

  setContent(path: string, content: Buffer): void {
    const file = this.#names.get(path) ?? this.#files.length;
    this.#names.set(path, file);
    this.#files[file] = Buffer.from(content);
  }

  flipBit(path: string, bit: number): void {
    const content = this.contentOf(path);
    content[bit >>> 3]! ^= 1 << (bit & 7);
  }

  remove(path: string): void {
    this.#names.delete(path);
  }

  /** The same files, nothing unsynced, nobody's lock. */
  clone(): PowerCutFs {
    const copy = new PowerCutFs();
    copy.boot = this.boot;
    for (const [path, file] of this.#names) copy.setContent(path, this.#files[file]!);
    copy.#beginJournal();
    return copy;
  }

  /** What the disk holds when the power fails after so many steps. `unsynced` says what becomes of what was not synced. */
  cutAfter(steps: number, unsynced: 'lost' | 'kept' | 'some', random: Random): PowerCutFs {
    const files = new Map(this.#before.files);
    const changes = new Map<number, Change[]>();
    const names = new Map(this.#before.names);
    let nameChanges: NameChange[] = [];
    for (const step of this.journal.slice(0, steps)) {
      if (step.kind === 'write' || step.kind === 'truncate') {
        changes.set(step.file, [...(changes.get(step.file) ?? []), step]);
      } else if (step.kind === 'datasync') {
        for (const change of changes.get(step.file) ?? []) applyChange(files, change);
        changes.delete(step.file);
      } else if (step.kind === 'failedSync') {
        // As Linux does: the pages count as clean, so no later sync writes them.
        changes.delete(step.file);
      } else if (step.kind === 'syncDirectory') {
        for (const change of nameChanges) applyName(names, change);
        nameChanges = [];
      } else {
        nameChanges.push(step);
      }
    }
    const keptNames =
      unsynced === 'lost' ? 0 : unsynced === 'kept' ? nameChanges.length : random.below(nameChanges.length + 1);
    for (const change of nameChanges.slice(0, keptNames)) applyName(names, change);
    for (const change of [...changes.values()].flat()) {
      if (unsynced === 'lost' || (unsynced === 'some' && random.next() < 0.3)) continue;
      const isTorn = unsynced === 'some' && change.kind === 'write' && random.next() < 0.6;
      applyChange(
        files,
        isTorn ? { ...change, bytes: change.bytes.subarray(0, random.below(change.bytes.length)) } : change,
      );
    }
    const after = new PowerCutFs();
    after.boot = this.boot + 1;
    for (const [path, file] of names) after.setContent(path, files.get(file) ?? Buffer.alloc(0));
    after.#beginJournal();
    return after;
  }

  #beginJournal(): void {
    this.#before = { names: new Map(this.#names), files: new Map(this.#files.entries()) };
  }

  #handle(file: number): LogFile {
    return {
      size: async () => this.#files[file]!.length,
      writev: async (buffers, offset) => this.#write(file, offset, Buffer.concat(buffers)),
      pread: async (buffer, offset) => {
        if (this.#fails('reads')) throw errno('EIO');
        return this.#files[file]!.copy(buffer, 0, offset);
      },
      truncate: async (bytes) => {
        if (this.#fails('truncates')) throw errno('EIO');
        this.#change({ kind: 'truncate', file, bytes });
      },
      datasync: async () => {
        await this.gate;
        this.syncs++;
        const isFailing = this.#fails('syncs');
        this.#record({ kind: isFailing ? 'failedSync' : 'datasync', file });
        if (isFailing) throw errno('EIO');
      },
      close: async () => {},
    };
  }

  #write(file: number, offset: number, bytes: Buffer): void {
    const half = bytes.subarray(0, bytes.length >> 1);
    if (this.#fails('writes')) {
      this.#change({ kind: 'write', file, offset, bytes: half });
      throw errno('EIO');
    }
    const used = this.usedBytes;
    const growth = Math.max(0, offset + bytes.length - this.#files[file]!.length);
    if (used + growth > this.bytesMax) {
      const fitting = Math.max(0, bytes.length - (used + growth - this.bytesMax));
      this.#change({ kind: 'write', file, offset, bytes: bytes.subarray(0, fitting) });
      throw errno('ENOSPC');
    }
    this.#change({ kind: 'write', file, offset, bytes });
  }

  #change(change: Change): void {
    // The writer may use its buffer again.
    const own = change.kind === 'write' ? { ...change, bytes: Buffer.from(change.bytes) } : change;
    this.#record(own);
    const files = new Map([[change.file, this.#files[change.file]!]]);
    applyChange(files, own);
    this.#files[change.file] = files.get(change.file)!;
  }

  #record(step: Step): void {
    this.journal.push(step);
  }

  #fails(what: keyof PowerCutFs['failing']): boolean {
    if (this.failing[what] === 0) return false;
    this.failing[what]--;
    return true;
  }
}

function applyChange(files: Map<number, Buffer>, change: Change): void {
  const before = files.get(change.file) ?? Buffer.alloc(0);
  const length =
    change.kind === 'truncate' ? change.bytes : Math.max(before.length, change.offset + change.bytes.length);
  const after = Buffer.alloc(length);
  before.copy(after);
  if (change.kind === 'write') change.bytes.copy(after, change.offset);
  files.set(change.file, after);
}

function applyName(names: Map<string, number>, change: NameChange): void {
  if (change.kind === 'create') names.set(change.path, change.file);
  if (change.kind === 'unlink') names.delete(change.path);
  if (change.kind !== 'rename') return;
  const file = names.get(change.from);
  names.delete(change.from);
  if (file !== undefined) names.set(change.to, file);
}

function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

export const SEGMENT_PATH = /\d{20}\.log$/;
