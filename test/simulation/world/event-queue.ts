/** An entry of the queue. Entries of one instant come in the order in which they were put in. */
export interface Queued {
  atMs: number;
  sequence: number;
}

/** A binary heap by time. Its order is total, so the same entries always come out in the same order. */
export class EventQueue<Entry extends Queued> {
  readonly #heap: Entry[] = [];

  get size(): number {
    return this.#heap.length;
  }

  peek(): Entry | undefined {
    return this.#heap[0];
  }

  push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex]!;
      if (!isBefore(entry, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  pop(): Entry | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (last === undefined || last === top) return top;
    const size = heap.length;
    let index = 0;
    for (let childIndex = 1; childIndex < size; childIndex = 2 * index + 1) {
      const right = childIndex + 1;
      if (right < size && isBefore(heap[right]!, heap[childIndex]!)) childIndex = right;
      const child = heap[childIndex]!;
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
    return top;
  }
}

function isBefore(one: Queued, other: Queued): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.sequence < other.sequence);
}
