import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Endpoints, EndpointsFile, loadEndpoints } from '../../../core/mesh/index.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-endpoints-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function endpoints(pid: number): Endpoints {
  const store = { url: 'http://127.0.0.1:1', db: 'lattice', pid };
  const account = { username: 'operator', password: 'p' };
  return { ready: true, brokers: [], gateways: [], store, console: '', ...account, site: 'home', dataDir: directory };
}

describe('EndpointsFile', () => {
  it('ends with the last state when many are saved at once', async () => {
    let pid = 0;
    const failures: unknown[] = [];
    const file = new EndpointsFile({
      dataDir: directory,
      endpoints: () => endpoints(pid),
      onFailed: (error) => failures.push(error),
    });
    const saves = Array.from({ length: 10 }, (_, n) => {
      pid = n + 1;
      return file.save();
    });
    await Promise.all(saves);
    expect(failures).toEqual([]);
    expect(loadEndpoints(directory).store.pid).toBe(10);
    expect(readdirSync(directory)).toEqual(['mesh.json']);
  });

  it('tells a failure, rejects nothing, and goes on', async () => {
    mkdirSync(join(directory, 'mesh.json'));
    const failures: unknown[] = [];
    const file = new EndpointsFile({
      dataDir: directory,
      endpoints: () => endpoints(7),
      onFailed: (error) => failures.push(error),
    });
    await Promise.all([file.save(), file.save()]);
    expect(failures).toHaveLength(2);
    rmSync(join(directory, 'mesh.json'), { recursive: true });
    await file.save();
    expect(loadEndpoints(directory).store.pid).toBe(7);
  });
});
