import type { DeadLetter } from '../../../core/wire/index.ts';
import type { DeadLetterRow } from './types.ts';

/** Older ones go; the total goes on counting. */
export const DEAD_LETTERS_MAX = 100;
const PREVIEW_LENGTH_MAX = 160;

/** The newest dead letters, newest first. */
export class DeadLetterList {
  #rows: DeadLetterRow[] = [];
  #total = 0;

  add(device: string, letter: DeadLetter): void {
    this.#total++;
    const row: DeadLetterRow = {
      id: this.#total,
      device,
      code: letter.code,
      reason: letter.reason,
      topic: letter.topic,
      preview: previewOf(letter.payloadBase64),
      payloadBytes: letter.payloadBytes,
      atMs: letter.atMs,
      by: letter.by,
    };
    this.#rows = [row, ...this.#rows.slice(0, DEAD_LETTERS_MAX - 1)];
  }

  snapshot(): { total: number; newest: DeadLetterRow[] } {
    return { total: this.#total, newest: this.#rows };
  }
}

function previewOf(base64: string): string {
  const text = Buffer.from(base64, 'base64').toString('utf8').slice(0, PREVIEW_LENGTH_MAX);
  return text.replace(/[\p{Cc}\p{Cs}]/gu, '·');
}
