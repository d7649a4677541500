import type { LogGap } from './types.ts';

/** What was lost, in order of position; neighbours of one cause are one gap, and nothing is listed twice. */
export class Gaps {
  #list: LogGap[] = [];

  get list(): readonly LogGap[] {
    return this.#list;
  }

  /** Adds the positions from and to, both included. Nothing if there are none. */
  add(gap: LogGap): void {
    if (gap.toPosition < gap.fromPosition) return;
    const last = this.#list.at(-1);
    if (last === undefined || last.toPosition + 1 < gap.fromPosition) {
      this.#list.push(gap);
      return;
    }
    const sorted = [...this.#list, gap].sort((one, other) => one.fromPosition - other.fromPosition);
    const merged: LogGap[] = [];
    for (const next of sorted) {
      const last = merged.at(-1);
      if (last === undefined || last.toPosition + 1 < next.fromPosition) merged.push({ ...next });
      else if (last.cause === next.cause) last.toPosition = Math.max(last.toPosition, next.toPosition);
      else if (last.toPosition < next.toPosition) merged.push({ ...next, fromPosition: last.toPosition + 1 });
    }
    this.#list = merged;
  }
}
