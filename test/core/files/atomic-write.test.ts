import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { writeFileAtomic } from '../../../core/files/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-files-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('writeFileAtomic', () => {
  it('lets writes of one file at the same time all succeed, and one of them stays whole', async () => {
    const path = join(directory, 'it.json');
    const contents = Array.from({ length: 8 }, (_, n) => String(n).repeat(10_000));
    await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
    expect(contents).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(directory)).toEqual(['it.json']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('leaves no temporary file when it fails', async () => {
    const path = join(directory, 'it.json');
    mkdirSync(path);
    await expect(writeFileAtomic(path, 'x')).rejects.toMatchObject({ code: 'EISDIR' });
    expect(readdirSync(directory)).toEqual(['it.json']);
  });

  it('removes what a process that is gone has left, and nothing else', async () => {
    const pidMax = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8'));
    const left = `it.json.${pidMax + 1}-3.tmp`;
    const others = [`it.json.${process.ppid}-1.tmp`, 'it.json.mine', `other.${pidMax + 1}-3.tmp`];
    for (const name of [left, ...others]) writeFileSync(join(directory, name), '');
    await writeFileAtomic(join(directory, 'it.json'), 'x');
    expect(readdirSync(directory).sort()).toEqual([...others, 'it.json'].sort());
  });
});
