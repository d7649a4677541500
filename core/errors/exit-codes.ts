import { LatticeError, messageOf } from './lattice-error.ts';

/** Exit codes of every command. */
export const EXIT = { ok: 0, failed: 1, usage: 2, unreachable: 3, refused: 4, lockLost: 5 } as const;

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
    case 'COORDINATION_UNAVAILABLE':
      return EXIT.unreachable;
    case 'REFUSED_FOR_SAFETY':
    case 'DATA_LOCKED':
      return EXIT.refused;
    case 'LOCK_LOST':
      return EXIT.lockLost;
    default:
      return EXIT.failed;
  }
}

/** One line for a person: code, what happened, what to do. */
export function errorLine(error: unknown): string {
  return error instanceof LatticeError ? error.toLine() : `INTERNAL: ${messageOf(error)}`;
}
