import { join } from 'node:path';
import type { Clock } from '../time/index.ts';
import { Cursor, cursorFileName, cursorOfName } from './cursor.ts';
import { diskError, type LogFs } from './fs.ts';
import type { Gaps } from './gaps.ts';
import type { Readers } from './store.ts';

interface CursorDisk {
  fs: LogFs;
  directory: string;
  clock: Clock;
}

/** Every cursor of the log, also those that nobody has asked for since it was opened: they hold records back as well. */
export class CursorSet implements Readers {
  readonly #disk: CursorDisk;
  readonly #gaps: Gaps;
  readonly #cursors = new Map<string, Cursor>();
  readonly #opening = new Map<string, Promise<Cursor>>();
  #durablePosition: () => number = () => Number.MAX_SAFE_INTEGER;

  private constructor(disk: CursorDisk, gaps: Gaps) {
    this.#disk = disk;
    this.#gaps = gaps;
  }

  /** Opens all cursors in the folder. One that points below the log's first position has lost what lay between. */
  static async open(disk: CursorDisk, firstPosition: number, gaps: Gaps): Promise<CursorSet> {
    const set = new CursorSet(disk, gaps);
    for (const fileName of await disk.fs.readDirectory(disk.directory)) {
      const name = cursorOfName(fileName);
      if (name === undefined) continue;
      const cursor = await set.#open(name, firstPosition, 'lenient');
      gaps.add({ fromPosition: cursor.position, toPosition: firstPosition - 1, cause: 'damaged' });
      cursor.advance(firstPosition);
    }
    return set;
  }

  /** From now on no cursor moves beyond what is durable. */
  watch(durablePosition: () => number): void {
    this.#durablePosition = durablePosition;
  }

  names(): string[] {
    return [...this.#cursors.keys()];
  }

  async cursor(name: string, startPosition: number, firstPosition: () => number): Promise<Cursor> {
    const existing = this.#cursors.get(name) ?? this.#opening.get(name);
    if (existing !== undefined) return existing;
    const cursor = await this.#open(name, startPosition, 'strict');
    // Segments may have gone while its file was made.
    cursor.advance(firstPosition());
    return cursor;
  }

  async #open(name: string, firstPosition: number, strictness: 'strict' | 'lenient'): Promise<Cursor> {
    const durablePosition = (): number => this.#durablePosition();
    const opening = Cursor.open(name, firstPosition, { ...this.#disk, durablePosition }, strictness);
    this.#opening.set(name, opening);
    try {
      const cursor = await opening;
      this.#cursors.set(name, cursor);
      return cursor;
    } finally {
      this.#opening.delete(name);
    }
  }

  async remove(name: string): Promise<void> {
    const { fs, directory } = this.#disk;
    const cursor = (await this.#opening.get(name)?.catch(() => undefined)) ?? this.#cursors.get(name);
    if (cursor === undefined) return;
    this.#cursors.delete(name);
    try {
      await cursor.close();
      await fs.unlink(join(directory, cursorFileName(name)));
      await fs.syncDirectory(directory);
    } catch (error) {
      throw diskError(error, `Removing cursor ${name}`);
    }
  }

  lowestPosition(): number | undefined {
    return this.#reduce(Math.min);
  }

  highestPosition(): number | undefined {
    return this.#reduce(Math.max);
  }

  async beforeDrop(fromPosition: number, toPosition: number, isAtBound: boolean): Promise<void> {
    const unread = Math.max(fromPosition, this.lowestPosition() ?? fromPosition);
    for (const cursor of this.#cursors.values()) {
      cursor.advance(toPosition);
      // On disk no cursor is ever below the first position. So one that is, when the log is opened, tells of a loss.
      await cursor.flush();
    }
    if (isAtBound) this.#gaps.add({ fromPosition: unread, toPosition: toPosition - 1, cause: 'dropped-at-bound' });
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    const results = await Promise.allSettled([...this.#cursors.values()].map((cursor) => cursor.close()));
    for (const result of results) if (result.status === 'rejected') throw diskError(result.reason, 'Closing cursors');
  }

  #reduce(choose: (one: number, other: number) => number): number | undefined {
    let chosen: number | undefined;
    for (const { position } of this.#cursors.values()) chosen = choose(chosen ?? position, position);
    return chosen;
  }
}
