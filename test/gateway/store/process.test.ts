import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { ChildMessage } from '../../../core/process/index.ts';
import { freePort } from '../../support/free-port.ts';
import { ask, endProcess, sendLines, storeConfig, tempFolder } from './servers.ts';

const folder = tempFolder();
const children: ChildProcess[] = [];

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => endProcess(child)));
  folder.remove();
});

/** Starts the process and resolves with its first message. */
async function start(configFile: string): Promise<{ child: ChildProcess; message: ChildMessage }> {
  const child = fork(join(import.meta.dirname, 'run-store.ts'), [configFile], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  children.push(child);
  const [message] = (await once(child, 'message')) as [ChildMessage];
  return { child, message };
}

describe('the process of the embedded store', () => {
  test('keeps every acknowledged point through SIGKILL, and its folder to itself', { timeout: 60_000 }, async () => {
    const dataDir = join(folder.path, 'data');
    const configFile = join(folder.path, 'store.yaml');
    const port = await freePort();
    writeFileSync(configFile, stringify(await storeConfig(dataDir, { listen: { port } })));
    const url = `http://127.0.0.1:${port}`;

    const acknowledged = new Set<number>();
    let next = 0;
    for (let life = 0; life < 2; life++) {
      const { child, message } = await start(configFile);
      expect(message).toEqual({ type: 'ready', detail: { url, db: 'lattice' } });
      const writers = Array.from({ length: 3 }, async () => {
        for (;;) {
          const batch = Array.from({ length: 20 }, () => next++);
          const lines = batch.map((n) => `reading,device=d${n % 7} v=${n},seq=${n}i ${1_000_000 + n}`).join('\n');
          const answer = await sendLines(url, 'lattice', lines).catch(() => undefined);
          if (answer === undefined) return;
          expect(answer).toEqual({ status: 204, text: '' });
          for (const n of batch) acknowledged.add(n);
        }
      });
      const goal = acknowledged.size + 300;
      while (acknowledged.size < goal) await new Promise((resolve) => setImmediate(resolve));
      await endProcess(child, 'SIGKILL');
      await Promise.all(writers);
    }

    const { child } = await start(configFile);
    const { text } = await ask(url, { q: 'SELECT seq FROM reading', db: 'lattice', epoch: 'ns' });
    const rows = JSON.parse(text).results[0].series[0].values as [number, number][];
    const stored = new Set(rows.map(([, seq]) => seq));
    expect(rows).toHaveLength(stored.size);
    expect([...acknowledged].filter((n) => !stored.has(n))).toEqual([]);
    for (const [timeNs, seq] of rows) expect(timeNs).toBe(1_000_000 + seq);

    const second = await start(configFile);
    expect(second.message).toMatchObject({ type: 'failed', code: 'DATA_LOCKED' });

    const exit = once(child, 'exit');
    child.kill('SIGTERM');
    expect(await exit).toEqual([0, null]);
  });
});
