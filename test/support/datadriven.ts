import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';

/** A directive of a recorded file: `command arg key=value key=(1,2)`, its input, and what it is to print. */
export interface DataDrivenCase {
  /** For the name of a test: file and line of the directive. */
  at: string;
  line: number;
  command: string;
  args: DataDrivenArg[];
  input: string;
  expected: string;
}

export interface DataDrivenArg {
  key: string;
  /** Empty for an argument without `=`. */
  values: string[];
}

/** Where the recorded cases are: beside the project, or where LATTICE_CONFORMANCE says. */
export const CONFORMANCE =
  process.env['LATTICE_CONFORMANCE'] ?? new URL('../../../shared/conformance', import.meta.url).pathname;

/** `describe` over the files of a folder of the recorded cases; skipped, loudly, where the folder is not there. */
export function describeRecorded(name: string, folder: string, body: (files: string[]) => void): void {
  const path = join(CONFORMANCE, folder);
  if (existsSync(path)) {
    const files = readdirSync(path).filter((file) => file.endsWith('.txt'));
    describe(name, () => body(files.sort().map((file) => join(path, file))));
    return;
  }
  console.warn(`Recorded cases are NOT run: there is no ${path}. LATTICE_CONFORMANCE names the folder they are in.`);
  describe.skip(`${name} (no folder ${path})`, () => body([]));
}

/** The cases of one file in cockroachdb/datadriven's form. Throws on what is not of that form. */
export function readDataDriven(path: string): DataDrivenCase[] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const cases: DataDrivenCase[] = [];
  let at = 0;
  const take = (isEnd: () => boolean): string => {
    const taken: string[] = [];
    for (; at < lines.length && !isEnd(); at++) taken.push(lines[at]!);
    return taken.map((line) => `${line}\n`).join('');
  };
  while (at < lines.length) {
    const text = lines[at]!;
    if (text.trim() === '' || text.startsWith('#')) {
      at++;
      continue;
    }
    const line = at + 1;
    at++;
    const input = take(() => lines[at] === '----');
    if (at === lines.length) throw new Error(`${path}:${line}: no ---- after the directive`);
    at++;
    // Output that has blank lines of its own stands between doubled separators.
    const isDoubled = lines[at] === '----';
    if (isDoubled) at++;
    const expected = take(isDoubled ? () => lines[at] === '----' && lines[at + 1] === '----' : () => lines[at] === '');
    if (isDoubled) at += 2;
    cases.push({ at: `${path.split('/').at(-1)}:${line}`, line, ...parseDirective(text), input, expected });
  }
  return cases;
}

/** A command and its arguments; values in parentheses are a list, with or without blanks after the commas. */
export function parseDirective(text: string): { command: string; args: DataDrivenArg[] } {
  const [command, ...rest] = text.trim().match(/[^\s=]+=\([^)]*\)|\S+/g) ?? [];
  if (command === undefined) throw new Error('an empty directive');
  return { command, args: rest.map(parseArg) };
}

function parseArg(text: string): DataDrivenArg {
  const equals = text.indexOf('=');
  if (equals < 0) return { key: text, values: [] };
  const key = text.slice(0, equals);
  const value = text.slice(equals + 1);
  if (!value.startsWith('(')) return { key, values: [value] };
  const list = value.slice(1, -1).trim();
  return { key, values: list === '' ? [] : list.split(/[\s,]+/) };
}
