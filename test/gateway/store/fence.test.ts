import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../../core/time/index.ts';
import { type FencingToken, formatFence, type Point, parseFence } from '../../../core/wire/index.ts';
import { openSqliteEngine } from '../../../gateway/store/embedded/engine/index.ts';
import { asFencedStore, createStore, startStore, storeTargetSchema } from '../../../gateway/store/index.ts';
import { freePort } from '../../support/free-port.ts';
import { ask, endProcess, PASSWORD, sendLines, storeConfig, tempFolder, USERNAME } from './servers.ts';

let folder: ReturnType<typeof tempFolder>;
const stops: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  folder = tempFolder();
});

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  folder.remove();
});

async function start(dataDir: string) {
  const service = await startStore(await storeConfig(dataDir), { clock: systemClock, log: pino({ level: 'silent' }) });
  stops.push(() => service.stop());
  return service;
}

function clientOf(url: string) {
  const target = storeTargetSchema.parse({ url, username: USERNAME, password: PASSWORD });
  const store = asFencedStore(createStore(target, { clock: systemClock }));
  if (store === undefined) throw new Error('The embedded store checks fences.');
  stops.push(() => store.close());
  return store;
}

const point = (timeNs: number, value: number): Point => ({
  measurement: 'm',
  tags: {},
  fields: { v: value },
  timeNs: BigInt(timeNs),
});

const leader = (token: number): FencingToken => ({ scope: 'home/leader', token });

async function values(url: string): Promise<unknown[]> {
  const { text } = await ask(url, { q: 'SELECT v FROM m', db: 'lattice', epoch: 'ns' });
  return (JSON.parse(text).results[0].series?.[0].values ?? []).map(([, value]: [number, number]) => value);
}

describe('fences as text', () => {
  test('go there and back, and what is none is undefined', () => {
    for (const one of [leader(0), leader(7), { scope: 'a.b_c-d', token: Number.MAX_SAFE_INTEGER }]) {
      expect(parseFence(formatFence(one))).toEqual(one);
    }
    for (const text of ['', 'a', 'a:', ':1', 'a:-1', 'a:1.5', 'a:01', 'a b:1', 'a:9007199254740993', 'a:1\n']) {
      expect(parseFence(text)).toBeUndefined();
    }
  });
});

describe('a store with fences', () => {
  test('refuses an older token of the scope, stores nothing of it, and lets other scopes and plain writes pass', async () => {
    const { detail } = await start(join(folder.path, 'data'));
    const store = clientOf(detail.url);
    await store.writeFenced(leader(2), [point(1, 1)]);
    await store.writeFenced(leader(2), [point(2, 2)]);
    await expect(store.writeFenced(leader(1), [point(3, 3)])).rejects.toMatchObject({ code: 'FENCED' });
    await store.writeFenced({ scope: 'other', token: 1 }, [point(4, 4)]);
    await store.write([point(5, 5)]);
    await store.writeFenced(leader(10), [point(6, 6)]);
    await expect(store.writeFenced(leader(9), [point(7, 7)])).rejects.toMatchObject({ code: 'FENCED' });
    expect(await values(detail.url)).toEqual([1, 2, 4, 5, 6]);
    const health = await (await fetch(`${detail.url}/health`)).json();
    expect(health).toMatchObject({ fenced: 2 });
    expect(await store.usage()).toMatchObject({ measurements: 1, series: 1, pointsWritten: 5, bytes: health.bytes });
    expect(health.bytes).toBeGreaterThan(1_000);
  });

  test('answers 409 with the code, and 400 to what is no fence', async () => {
    const { detail } = await start(join(folder.path, 'data'));
    const write = (fence: string) => sendLines(detail.url, 'lattice', 'm v=1 1', { 'x-lattice-fence': fence });
    expect((await write('a:3')).status).toBe(204);
    const refused = await write('a:2');
    expect({ ...refused, text: JSON.parse(refused.text) }).toEqual({
      status: 409,
      text: { error: 'a greater token was seen: 3', code: 'FENCED' },
    });
    expect((await write('a')).status).toBe(400);
  });

  test('keeps to the order in which writes came, within one commit', async () => {
    const { dataDir, limits } = await storeConfig(join(folder.path, 'data'));
    const engine = openSqliteEngine({ dataDir, clock: systemClock, limits });
    stops.push(() => engine.close());
    engine.createDatabase('lattice');
    const { commits } = engine.stats();
    const outcomes = await Promise.all(
      [1, 3, 2, 3, 4].map((token) =>
        engine.write({ database: 'lattice', body: Buffer.from(`m v=${token}`), stampUnitNs: 1n, fence: leader(token) }),
      ),
    );
    expect(engine.stats().commits).toBe(commits + 1);
    expect(outcomes.map(({ stored, fencedBy }) => [stored, fencedBy])).toEqual([
      [1, undefined],
      [1, undefined],
      [0, 3],
      [1, undefined],
      [1, undefined],
    ]);
    expect(engine.stats().fenced).toBe(1);
  });

  test('takes a file of the form before fences', async () => {
    const dataDir = join(folder.path, 'data');
    const first = await start(dataDir);
    await clientOf(first.detail.url).write([point(1, 1)]);
    await first.stop();
    const db = new DatabaseSync(join(dataDir, 'points.db'));
    db.exec('DROP TABLE fence; PRAGMA user_version = 1');
    db.close();
    const { detail } = await start(dataDir);
    const store = clientOf(detail.url);
    await store.writeFenced(leader(2), [point(2, 2)]);
    await expect(store.writeFenced(leader(1), [point(3, 3)])).rejects.toMatchObject({ code: 'FENCED' });
    expect(await values(detail.url)).toEqual([1, 2]);
  });
});

describe('an old leader that stood still', () => {
  test('is refused when it goes on, also by a store that was killed in between', { timeout: 60_000 }, async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const configFile = join(folder.path, 'store.yaml');
    writeFileSync(configFile, stringify(await storeConfig(join(folder.path, 'data'), { listen: { port } })));
    const target = JSON.stringify({ url, username: USERNAME, password: PASSWORD });
    const run = async (script: string, ...args: string[]): Promise<ChildProcess> => {
      const child = fork(join(import.meta.dirname, script), args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      stops.push(() => endProcess(child));
      await once(child, 'message');
      return child;
    };
    const write = async (child: ChildProcess, timeNs: number, value: number): Promise<unknown> => {
      const answer = once(child, 'message');
      child.send({ timeNs: String(timeNs), value });
      return (await answer)[0];
    };
    const store = await run('run-store.ts', configFile);
    const [old, fresh] = await Promise.all([run('run-writer.ts', target, '1'), run('run-writer.ts', target, '2')]);
    expect(await write(old, 1, 1)).toBe('stored');

    old.kill('SIGSTOP');
    const late = write(old, 2, -1);
    expect(await write(fresh, 2, 2)).toBe('stored');
    await endProcess(store, 'SIGKILL');
    await run('run-store.ts', configFile);
    old.kill('SIGCONT');

    expect(await late).toBe('FENCED');
    expect(await values(url)).toEqual([1, 2]);
    expect(await write(fresh, 3, 3)).toBe('stored');
  });
});
