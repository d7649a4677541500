import { execFile } from 'node:child_process';
import { errnoOf } from '../../../core/errors/index.ts';

const TIMEOUT_MS = 5_000;
const OUTPUT_BYTES_MAX = 64 * 1024;

/** What came of a program; the detail is for a person. */
export type CommandOutcome = { stdout: string } | { failed: string };
export type RunCommand = (file: string, args: readonly string[]) => Promise<CommandOutcome>;

/** Runs a program of the system in the C locale, and kills it when it takes longer than 5 s. Never rejects. */
export const runCommand: RunCommand = (file, args) =>
  new Promise((resolve) => {
    const options = {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL' as const,
      maxBuffer: OUTPUT_BYTES_MAX,
      env: { ...process.env, LC_ALL: 'C' },
    };
    execFile(file, [...args], options, (error, stdout, stderr) => {
      if (error === null) resolve({ stdout });
      else if (errnoOf(error) === 'ENOENT') resolve({ failed: `${file} is not installed` });
      else if (error.killed === true) resolve({ failed: `${file} did not end within ${TIMEOUT_MS / 1_000} s` });
      // Other than an exit: it may not be run, or prints too much.
      else if (errnoOf(error) !== undefined) resolve({ failed: `${file}: ${error.message}` });
      else resolve({ failed: `${file} says: ${lastLine(stderr) || lastLine(stdout) || error.message}` });
    });
  });

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}
