import { createWriteStream, renameSync, statSync, type WriteStream } from 'node:fs';

const BYTES_MAX = 10 * 1024 * 1024;

/** The log of one process: appended to, and moved aside once at 10 MiB, so that two files of it are the most there is. */
export class LogFile {
  readonly path: string;
  #stream: WriteStream;
  #bytes: number;

  constructor(path: string) {
    this.path = path;
    this.#bytes = sizeOf(path);
    this.#stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
    this.#stream.on('error', ignore);
  }

  write(chunk: Uint8Array): void {
    this.#bytes += chunk.byteLength;
    this.#stream.write(chunk);
    if (this.#bytes < BYTES_MAX) return;
    this.#stream.end();
    try {
      renameSync(this.path, `${this.path}.1`);
    } catch {
      // A log that cannot be moved aside goes on where it is; the mesh must not stop for it.
    }
    this.#bytes = 0;
    this.#stream = createWriteStream(this.path, { flags: 'a', mode: 0o600 });
    this.#stream.on('error', ignore);
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.#stream.end(() => resolve()));
  }
}

/** A full disk must not end the parent for the sake of its children's logs. */
function ignore(): void {}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
