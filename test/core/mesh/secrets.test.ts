import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyPassword } from '../../../core/identity/index.ts';
import { loadSecrets, readSecrets } from '../../../core/mesh/index.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-secrets-'));
  path = join(directory, 'secrets.json');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('loadSecrets', () => {
  it('makes them once, for the owner alone', async () => {
    expect(readSecrets(directory)).toBeUndefined();
    const made = await loadSecrets(directory);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await loadSecrets(directory)).toEqual(made);
    expect(readSecrets(directory)).toEqual(made);
    expect(await verifyPassword(made.operator.password, made.operator.passwordHash)).toBe(true);
  });

  it.each(['', '{', '{"siteKey":"short"}'])('refuses a damaged file and leaves it alone: %s', async (text) => {
    writeFileSync(path, text);
    await expect(loadSecrets(directory)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
    expect(readFileSync(path, 'utf8')).toBe(text);
  });
});
