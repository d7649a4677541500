import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { status, top } from '../../../core/cli/index.ts';
import { meshStatus, statusText } from '../../../core/cli/status.ts';
import { queryStore } from '../../../core/cli/store-query.ts';
import { type Endpoints, saveEndpoints } from '../../../core/mesh/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { CONNACK, CONNECT_TYPE, fakeBroker, SUBSCRIBE_TYPE, suback } from './fake-broker.ts';

/*
 * A mesh without brokers and gateways, whose store answers as the test says.
 */
let directory: string;
let store: Server;
let endpoints: Endpoints;
let queries = 0;
let answer: [status: number, body: string] | 'nothing' = [200, '{}'];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'lattice-status-'));
  store = createServer((_request, response) => {
    queries++;
    if (answer !== 'nothing') response.writeHead(answer[0]).end(answer[1]);
  }).listen(0, '127.0.0.1');
  await once(store, 'listening');
  endpoints = {
    ready: true,
    brokers: [],
    gateways: [],
    store: { url: `http://127.0.0.1:${(store.address() as AddressInfo).port}`, db: 'lattice', pid: 1 },
    console: '',
    username: 'operator',
    password: 'p',
    site: 'home',
    dataDir: directory,
  };
  await saveEndpoints(directory, endpoints);
});
afterAll(() => {
  store.closeAllConnections();
  store.close();
  rmSync(directory, { recursive: true, force: true });
});
afterEach(() => vi.restoreAllMocks());

/** What a command printed, as JSON. */
async function printed(command: () => Promise<number>): Promise<Record<string, unknown>> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await command();
  const text = write.mock.calls.map(([chunk]) => String(chunk)).join('');
  write.mockRestore();
  return JSON.parse(text);
}

describe('the store', () => {
  it('is asked by status, and not by top', async () => {
    answer = [200, '{"results":[{"series":[{"columns":["time","count"],"values":[[0,42]]}]}]}'];
    queries = 0;
    const seen = await printed(() => top({ data: directory, intervalS: 1, iterations: 1, json: true }));
    expect(seen).not.toHaveProperty('storeCount');
    expect(queries).toBe(0);
    expect(await printed(() => status({ data: directory, json: true }))).toMatchObject({ storeCount: 42 });
    expect(queries).toBe(1);
  });

  it.each([
    [[500, '{"error":"engine is closed"}'], /engine is closed/],
    [[502, '<html>'], /127\.0\.0\.1:\d+: it answered 502 without JSON/],
  ] as const)('that answers %o has its fault told', async (said, reason) => {
    answer = [...said];
    const seen = await printed(() => status({ data: directory, json: true }));
    expect(seen).toMatchObject({ storeError: expect.stringMatching(reason) });
    const parts = await meshStatus(endpoints, systemClock);
    expect(statusText({ ...parts, storeError: seen['storeError'] as string })).toMatch(reason);
    expect(statusText(parts)).not.toContain('Store ');
  });

  it('that does not answer is not waited for longer than told', async () => {
    answer = 'nothing';
    const startedMs = performance.now();
    await expect(queryStore(endpoints, 'SHOW DATABASES', 100)).rejects.toMatchObject({ code: 'STORE_UNREACHABLE' });
    expect(performance.now() - startedMs).toBeLessThan(2_000);
  });
});

describe('a broker', () => {
  it('that sends health which is no JSON is down, and ends nothing', async () => {
    const topic = 'mesh/v1/home/b/health';
    const broker = await fakeBroker((type, packet, socket) => {
      if (type === CONNECT_TYPE) socket.write(CONNACK);
      if (type !== SUBSCRIBE_TYPE) return;
      socket.write(suback(packet, 0));
      const body = Buffer.concat([Buffer.from([0, topic.length]), Buffer.from(`${topic}{"kind":`)]);
      socket.write(Buffer.concat([Buffer.from([0x30, body.length]), body]));
    });
    const b = { id: 'b', host: '127.0.0.1', port: broker.port, wsPort: 1, pid: 1 };
    const parts = await meshStatus({ ...endpoints, brokers: [b] }, systemClock);
    expect(parts.brokersDown).toEqual([{ id: 'b', reason: 'it answers, and says nothing of its health' }]);
    broker.close();
  });
});
