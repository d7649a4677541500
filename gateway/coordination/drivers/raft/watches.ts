import { LatticeError } from '../../../../core/errors/index.ts';
import type { WatchHub } from '../../state/index.ts';
import type { KeyRange, WatchBatch } from '../../types.ts';

/** Watchers of one member that wait to be woken. */
export class Watches {
  readonly #hub: WatchHub;
  readonly #wakers = new Map<string, () => void>();
  readonly #closed = new AbortController();
  #nextId = 1;

  constructor(hub: WatchHub) {
    this.#hub = hub;
  }

  changed(batch: WatchBatch): void {
    for (const id of this.#hub.publish(batch)) this.#wakers.get(id)?.();
  }

  /** The state was replaced by a newer one. */
  replaced(previousRevision: number): void {
    for (const id of this.#hub.replaced(previousRevision)) this.#wakers.get(id)?.();
  }

  /** Ends every watch with COORDINATION_UNAVAILABLE. */
  close(): void {
    this.#closed.abort();
    for (const wake of this.#wakers.values()) wake();
  }

  async *watch(range: KeyRange, fromRevision: number, signal: AbortSignal): AsyncGenerator<WatchBatch> {
    const id = String(this.#nextId++);
    const wake = (): void => this.#wakers.get(id)?.();
    this.#hub.watch(id, range, fromRevision);
    signal.addEventListener('abort', wake);
    try {
      while (!signal.aborted) {
        if (this.#closed.signal.aborted) {
          throw new LatticeError('COORDINATION_UNAVAILABLE', 'A watch ended: this gateway has left the group.');
        }
        const taken = this.#hub.take(id);
        if (taken.type === 'compacted') {
          const detail = `What the watch is to go on with is gone: revisions below ${taken.compactedRevision} are compacted.`;
          throw new LatticeError('REVISION_COMPACTED', detail);
        }
        for (const batch of taken.batches) {
          if (signal.aborted) return;
          yield batch;
        }
        if (taken.batches.length > 0 || taken.more) continue;
        await new Promise<void>((resolve) => {
          this.#wakers.set(id, resolve);
        });
        this.#wakers.delete(id);
      }
    } finally {
      signal.removeEventListener('abort', wake);
      this.#hub.cancel(id);
      this.#wakers.delete(id);
    }
  }
}
