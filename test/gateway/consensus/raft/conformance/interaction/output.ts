import { RaftError } from '../../../../../../gateway/consensus/raft/index.ts';

/** What a directive prints. `quiet` is the log level none: nothing but errors. */
export class Output {
  isQuiet = false;
  #text = '';

  write(text: string): void {
    if (!this.isQuiet) this.#text += text;
  }

  writeLine(line: string): void {
    this.write(`${line}\n`);
  }

  /** Runs what prints, two blanks further in, and ends its last line. */
  indented(print: () => void): void {
    const before = this.#text;
    this.#text = '';
    try {
      print();
    } finally {
      const lines = this.#text.replace(/\n$/, '').split('\n');
      this.#text = this.#text === '' ? before : `${before}${lines.map((line) => `  ${line}\n`).join('')}`;
    }
  }

  /** All since the last time. */
  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}

/** Without the lines of the log, since the words of a log are no part of what is replayed. */
export function withoutLog(text: string): string {
  const lines = text.trimEnd().split('\n');
  const kept = lines.filter((line) => !/^ *(DEBUG|INFO|WARN|ERROR|FATAL) /.test(line));
  // A directive that printed nothing else says "ok".
  return kept.join('\n') || 'ok';
}

/** A refusal as etcd words it. Throws the error again when it is none that the recordings know. */
export function wordsOf(error: unknown): string {
  if (error instanceof RaftError && error.fault === 'proposalDropped') return 'raft proposal dropped';
  if (error instanceof RaftError && error.fault === 'stepPeerNotFound') {
    return 'raft: cannot step as peer not found';
  }
  throw error;
}
