import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openLog } from '../../../core/log/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { payloadOf, readAll, scratchFolder } from './support.ts';

const APPENDER = join(import.meta.dirname, 'appender.ts');

function startAppender(directory: string): { child: ChildProcess; lines: () => string[] } {
  const child = spawn(process.execPath, [APPENDER, directory], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let output = '';
  child.stdout!.on('data', (data: Buffer) => {
    output += data.toString();
  });
  // The last line may be cut short by the kill.
  return { child, lines: () => output.split('\n').slice(0, -1) };
}

describe('the log of a process', () => {
  it('has every acknowledged record after SIGKILL, several times over', async () => {
    const directory = await scratchFolder();
    const acknowledged = new Set<number>();
    let positionBefore = 0;
    for (let life = 0; life < 3; life++) {
      const { child, lines } = startAppender(directory);
      await eventually(() => expect(lines().length).toBeGreaterThan(300 + life * 211));
      child.kill('SIGKILL');
      await once(child, 'close');
      expect(Number(lines()[0]!.split(' ')[1])).toBeGreaterThanOrEqual(positionBefore);
      for (const line of lines().slice(1)) acknowledged.add(Number(line));
      positionBefore = Math.max(...acknowledged) + 1;

      const log = await openLog({ directory }, { clock: systemClock });
      const found = await readAll(log, 100_000);
      expect([...acknowledged].filter((position) => !found.has(position))).toEqual([]);
      expect([...found.values()].every((text) => text.length === 100)).toBe(true);
      expect(log.gaps).toEqual([]);
      const cursor = await log.cursor('reader');
      expect(cursor.position).toBeLessThanOrEqual(positionBefore);
      await log.close();
    }
    expect(acknowledged.size).toBeGreaterThan(900);
  });

  it('is locked for others while it lives, and taken over when it was killed', async () => {
    const directory = await scratchFolder();
    const { child, lines } = startAppender(directory);
    await eventually(() => expect(lines().length).toBeGreaterThan(1));
    await expect(openLog({ directory }, { clock: systemClock })).rejects.toMatchObject({ code: 'DATA_LOCKED' });
    expect((await readdir(directory)).filter((name) => name.startsWith('lock-')).length).toBe(1);
    child.kill('SIGKILL');
    await once(child, 'close');
    const log = await openLog({ directory }, { clock: systemClock });
    expect(await log.append(payloadOf(0))).toBeGreaterThan(0);
    await log.close();
    expect((await readdir(directory)).filter((name) => name.startsWith('lock-'))).toEqual([]);
  });

  it('is not kept locked by a process that has the pid of the one that died', async () => {
    const directory = await scratchFolder();
    const first = await openLog({ directory }, { clock: systemClock });
    const [lock] = (await readdir(directory)).filter((name) => name.startsWith('lock-'));
    await first.close();
    const [, pid, start, boot] = lock!.split('-');
    expect(Number(pid)).toBe(process.pid);
    // The same pid, started at another time; and the same process of another boot.
    await writeFile(join(directory, `lock-${pid}-${Number(start) - 1}-${boot}`), '');
    await writeFile(join(directory, `lock-${pid}-${start}-0123456789abcdef`), '');
    const log = await openLog({ directory }, { clock: systemClock });
    expect((await readdir(directory)).filter((name) => name.startsWith('lock-'))).toEqual([lock]);
    await log.close();
    // One that lives and is not us.
    const { child, lines } = startAppender(await scratchFolder());
    await eventually(() => expect(lines().length).toBeGreaterThan(0));
    const { readFile } = await import('node:fs/promises');
    const stat = await readFile(`/proc/${child.pid}/stat`, 'latin1');
    const childStart = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    await writeFile(join(directory, `lock-${child.pid}-${childStart}-${boot}`), '');
    await expect(openLog({ directory }, { clock: systemClock })).rejects.toMatchObject({ code: 'DATA_LOCKED' });
  });

  it('gives a coded error when the folder cannot be used', async () => {
    const directory = join(await scratchFolder(), 'file');
    await writeFile(directory, 'not a folder');
    await expect(openLog({ directory }, { clock: systemClock })).rejects.toMatchObject({ code: 'DISK_FAILED' });
  });
});
