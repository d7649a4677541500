import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs';
import { type Clock, systemClock } from '../time/index.ts';

const BYTES_MAX = 10 * 1024 * 1024;
/** A disk that was full may have room again; it is not asked more often than this. */
const REOPEN_INTERVAL_MS = 10_000;

/**
 * The log of one process: appended to, and moved aside once at 10 MiB, so that two files of it are the most there is.
 * What cannot be written (a full disk, say) is left out: a log must not end the parent, nor pile up in its memory.
 */
export class LogFile {
  readonly path: string;
  readonly #clock: Clock;
  /** Undefined after a failure, until it is opened again. */
  #stream: WriteStream | undefined;
  #openedMs = 0;
  #bytes = 0;

  constructor(path: string, clock: Clock = systemClock) {
    this.path = path;
    this.#clock = clock;
    this.#open();
  }

  write(chunk: Uint8Array): void {
    if (this.#stream === undefined) {
      if (this.#clock.monotonicMs() - this.#openedMs < REOPEN_INTERVAL_MS) return;
      this.#open();
    }
    this.#bytes += chunk.byteLength;
    this.#stream?.write(chunk);
    if (this.#bytes >= BYTES_MAX) this.#moveAside();
  }

  close(): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return Promise.resolve();
    return new Promise((resolve) => stream.end(() => resolve()));
  }

  #open(): void {
    this.#openedMs = this.#clock.monotonicMs();
    this.#bytes = statSync(this.path, { throwIfNoEntry: false })?.size ?? 0;
    const stream = createWriteStream(this.path, { flags: 'a', mode: 0o600 });
    stream.on('error', () => {
      // Node destroys a stream that had an error; it takes nothing more.
      if (this.#stream === stream) this.#stream = undefined;
    });
    this.#stream = stream;
  }

  #moveAside(): void {
    this.#stream?.end();
    try {
      renameSync(this.path, `${this.path}.1`);
      this.#open();
    } catch {
      // A log that cannot be moved aside goes on where it is.
      this.#open();
      this.#bytes = 0;
    }
  }
}
