import { errnoOf, LatticeError, messageOf } from '../../../../core/errors/index.ts';
import type { WriteOutcome, WriteRequest } from './types.ts';

interface Pending {
  request: WriteRequest;
  resolve: (outcome: WriteOutcome) => void;
  reject: (error: unknown) => void;
}

export interface CommitPort {
  /** Applies the requests in one transaction, synced when it returns. Throws when nothing was stored. */
  commit(requests: readonly WriteRequest[]): WriteOutcome[];
}

/**
 * Group commit: the requests that arrive in one turn of the event loop share one transaction and so one sync.
 * At the bound a request is refused with STORE_BUSY, and its sender tries again.
 */
export class CommitQueue {
  readonly #port: CommitPort;
  readonly #bytesMax: number;
  #pending: Pending[] = [];
  #bytes = 0;
  #idle: Promise<void> | undefined;
  refused = 0;

  constructor(port: CommitPort, bytesMax: number) {
    this.#port = port;
    this.#bytesMax = bytesMax;
  }

  write(request: WriteRequest): Promise<WriteOutcome> {
    if (this.#bytes > 0 && this.#bytes + request.body.byteLength > this.#bytesMax) {
      this.refused++;
      return Promise.reject(new LatticeError('STORE_BUSY', `${this.#bytes} bytes wait to be stored.`));
    }
    this.#bytes += request.body.byteLength;
    this.#idle ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#idle = undefined;
        this.#flush();
        resolve();
      });
    });
    return new Promise((resolve, reject) => this.#pending.push({ request, resolve, reject }));
  }

  /** Resolves when everything that was given has been answered. */
  async drain(): Promise<void> {
    await this.#idle;
  }

  #flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    this.#bytes = 0;
    try {
      const outcomes = this.#port.commit(pending.map((entry) => entry.request));
      for (const [index, entry] of pending.entries()) entry.resolve(outcomes[index] as WriteOutcome);
    } catch (cause) {
      const error = storageError(cause);
      for (const entry of pending) entry.reject(error);
    }
  }
}

const SQLITE_FULL = 13;

function storageError(cause: unknown): LatticeError {
  if (cause instanceof LatticeError) return cause;
  const isFull = errnoOf(cause) === 'ENOSPC' || (cause as { errcode?: number }).errcode === SQLITE_FULL;
  return new LatticeError(isFull ? 'DISK_FULL' : 'DISK_FAILED', `The store could not write: ${messageOf(cause)}.`, {
    cause,
  });
}
