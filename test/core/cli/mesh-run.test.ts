import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MeshRun } from '../../../core/cli/mesh-run.ts';
import { loadEndpoints, readCounts } from '../../../core/mesh/index.ts';
import { eventually } from '../../support/eventually.ts';
import { freePortBase } from '../../support/mesh.ts';

/*
 * A mesh whose processes say that they are ready and listen nowhere, so that no path opens.
 */
const entry = fileURLToPath(new URL('fake-process.ts', import.meta.url));
const warnings: string[] = [];
let dataDir: string;
let notesPath: string;
let run: MeshRun;
const notes = (): string[] => readFileSync(notesPath, 'utf8').trimEnd().split('\n');

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'lattice-run-'));
  notesPath = join(dataDir, 'notes');
  process.env['FAKE_PROCESS_NOTES'] = notesPath;
  run = new MeshRun({
    brokers: 1,
    gateways: 1,
    devices: 0,
    demo: true,
    portBase: await freePortBase(),
    dataDir,
    entry,
    onRestarting: () => {},
    onWarning: (text) => warnings.push(text),
  });
});
afterAll(async () => {
  await run.stop();
  delete process.env['FAKE_PROCESS_NOTES'];
  rmSync(dataDir, { recursive: true, force: true });
});

describe('MeshRun', () => {
  it('warns of a path that is not open, and starts the devices all the same', async () => {
    const endpoints = await run.start();
    expect(warnings).toEqual([
      expect.stringMatching(
        /^A probe from broker-1 by gateway-1 stopped at "broker" \(.*\); readings wait on disk until/,
      ),
    ]);
    expect(notes()).toEqual(expect.arrayContaining(['start shim', 'start sim']));
    expect(loadEndpoints(dataDir)).toEqual(endpoints);
    expect(readCounts(dataDir)).toEqual({ brokers: 1, gateways: 1 });
  });

  it('keeps the file of the endpoints up to date when processes are started again', async () => {
    const before = loadEndpoints(dataDir);
    const pids = [before.store.pid, before.brokers[0]?.pid, before.gateways[0]?.pid] as number[];
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await eventually(() => {
      const { store, brokers, gateways } = loadEndpoints(dataDir);
      for (const pid of [store.pid, brokers[0]?.pid, gateways[0]?.pid]) {
        expect(pid).toBeGreaterThan(0);
        expect(pids).not.toContain(pid);
      }
      for (const name of ['store', 'broker', 'gateway']) {
        expect(notes().filter((note) => note === `start ${name}`)).toHaveLength(2);
      }
    });
  });

  it('stops devices first, then what they talk to, and brokers and store last', async () => {
    await run.stop();
    const order = notes().flatMap((note) => (note.startsWith('stop ') ? [note.slice(5)] : []));
    expect(order.slice(0, 2).sort()).toEqual(['shim', 'sim']);
    expect(order.slice(2, 4).sort()).toEqual(['console', 'gateway']);
    expect(order.slice(4).sort()).toEqual(['broker', 'store']);
  });
});
