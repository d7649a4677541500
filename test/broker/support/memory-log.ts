import { LatticeError } from '../../../core/errors/index.ts';
import type { DurableLog, LogCursor, LogGap, LogRecord } from '../../../core/log/index.ts';

/** A log in memory. `held` keeps appends from being synced until release(); `failWith` refuses them. */
export class MemoryLog implements DurableLog {
  readonly records: LogRecord[] = [];
  readonly gaps: readonly LogGap[] = [];
  isTailCut = false;
  firstPosition = 0;
  nextPosition = 0;
  durablePosition = 0;
  failWith: LatticeError | undefined;
  #held: (() => void)[] | undefined;

  get bytes(): number {
    return this.records.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  hold(): void {
    this.#held = [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const finish of held) finish();
  }

  async append(record: Uint8Array): Promise<number> {
    if (this.failWith !== undefined) throw this.failWith;
    const position = this.nextPosition++;
    this.records.push({ position, payload: Uint8Array.from(record) });
    if (this.#held !== undefined) await new Promise<void>((resolve) => this.#held?.push(resolve));
    this.durablePosition = Math.max(this.durablePosition, position + 1);
    return position;
  }

  async read(fromPosition: number, bytesMax: number): Promise<LogRecord[]> {
    const found: LogRecord[] = [];
    let bytes = 0;
    for (const record of this.records) {
      if (record.position < fromPosition || record.position >= this.durablePosition) continue;
      if (found.length > 0 && bytes + record.payload.length > bytesMax) break;
      bytes += record.payload.length;
      found.push(record);
    }
    return found;
  }

  async waitBeyond(): Promise<void> {
    throw new LatticeError('INTERNAL', 'Nobody waits in these tests.');
  }

  async cursor(name: string): Promise<LogCursor> {
    let position = this.firstPosition;
    return {
      name,
      get position() {
        return position;
      },
      advance: (to) => {
        position = Math.max(position, to);
      },
      flush: async () => {},
    };
  }

  cursorNames(): string[] {
    return [];
  }

  async removeCursor(): Promise<void> {}

  async trim(belowPosition: number): Promise<void> {
    while (this.records[0] !== undefined && this.records[0].position < belowPosition) this.records.shift();
    this.firstPosition = this.records[0]?.position ?? this.nextPosition;
  }

  async close(): Promise<void> {}
}
