import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './files.ts';

/** Writes the generated files; with --check it only says which differ, and exits with 1 when one does. */
function generate(isCheck: boolean): number {
  const stale: string[] = [];
  for (const [name, content] of Object.entries(generatedFiles())) {
    const file = fileURLToPath(new URL(name, import.meta.url));
    if (contentOf(file) === content) continue;
    stale.push(name);
    if (isCheck) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const verdict = isCheck ? 'is out of date: run `npm run dashboards`' : 'written';
  for (const name of stale) console.log(`dashboards/grafana/${name} ${verdict}`);
  return isCheck && stale.length > 0 ? 1 : 0;
}

function contentOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

process.exitCode = generate(process.argv.includes('--check'));
