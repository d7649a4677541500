import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isSignedBy, loadOrCreateSigningKey } from '../../../gateway/ledger/signing-key.ts';

let folder = '';
let file = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'signing-key-'));
  file = join(folder, 'author.pem');
});

afterEach(() => rm(folder, { recursive: true }));

it('makes a key once, for its owner alone, that signs what others can check', async () => {
  const made = await loadOrCreateSigningKey(file);
  const loaded = await loadOrCreateSigningKey(file);
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(loaded.publicKey).toBe(made.publicKey);
  const signature = made.sign('text');
  expect(isSignedBy(loaded.publicKey, 'text', signature)).toBe(true);
  expect(isSignedBy(loaded.publicKey, 'texT', signature)).toBe(false);
  expect(isSignedBy('00', 'text', signature)).toBe(false);
});

it('refuses a key that others can read, and never replaces a damaged one', async () => {
  await loadOrCreateSigningKey(file);
  await chmod(file, 0o644);
  await expect(loadOrCreateSigningKey(file)).rejects.toMatchObject({ code: 'REFUSED_FOR_SAFETY' });
  await writeFile(file, 'damaged');
  await chmod(file, 0o600);
  await expect(loadOrCreateSigningKey(file)).rejects.toMatchObject({ code: 'CONFIG_UNREADABLE' });
  expect(await readFile(file, 'utf8')).toBe('damaged');
});
