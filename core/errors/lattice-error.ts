import { ERROR_CODES, type ErrorCode } from './codes.ts';

/** An error with a code from the one table, what happened in this case, and (through the table) what to do. */
export class LatticeError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, detail: string, options?: { cause?: unknown }) {
    super(detail, options);
    this.name = 'LatticeError';
    this.code = code;
  }

  /** What a person can do about it. */
  get remedy(): string {
    return ERROR_CODES[this.code].remedy;
  }

  /** One line for a terminal: code, what happened here, what to do. */
  toLine(): string {
    return `${this.code}: ${this.message} ${this.remedy}`;
  }
}

/** The code of an error of ours, or of the system's where it has one of ours; else INTERNAL. */
export function codeOf(error: unknown): ErrorCode {
  if (error instanceof LatticeError) return error.code;
  return errnoOf(error) === 'ENOSPC' ? 'DISK_FULL' : 'INTERNAL';
}

/** The system's errno of an error of Node (ENOSPC, EADDRINUSE and so on), if it has one. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
