import { LatticeError, messageOf } from '../errors/index.ts';

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, refused: 4 } as const;

/** The exit code that an error ends a command with. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof LatticeError)) return EXIT.failed;
  switch (error.code) {
    case 'USAGE':
    case 'CONFIG_INVALID':
    case 'CONFIG_UNREADABLE':
    case 'SCENARIO_INVALID':
      return EXIT.usage;
    case 'UNREACHABLE':
    case 'STORE_UNREACHABLE':
      return EXIT.unreachable;
    case 'REFUSED_FOR_SAFETY':
      return EXIT.refused;
    default:
      return EXIT.failed;
  }
}

/** One line for a person: code, what happened, what to do. */
export function errorLine(error: unknown): string {
  return error instanceof LatticeError ? error.toLine() : `INTERNAL: ${messageOf(error)}`;
}

/** Whole numbers with thin groups of three, as people read them. */
export function count(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ' ');
}

/** Columns under their headings, each as wide as its widest cell. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(headings), ...rows.map(line)].join('\n');
}
