import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { InfluxDB } from 'influx';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { derivedPassword } from '../../../core/identity/index.ts';
import { describeWithPeers } from '../../support/peers.ts';
import { ask, PASSWORD, SITE_KEY, sendLines, startEmbedded, type TestServer, USERNAME } from './servers.ts';

const run = promisify(execFile);

let server: TestServer;
let databases = 0;

beforeAll(async () => {
  server = await startEmbedded({
    limits: { bodyBytesMax: 20_000, seriesMax: 1_000, queryRowsMax: 500, queryBucketsMax: 100 },
  });
});
afterAll(() => server.stop());

async function newDatabase(): Promise<string> {
  const db = `http_${++databases}`;
  await ask(server.url, { q: `CREATE DATABASE ${db}` });
  return db;
}

const headersOf = (role: 'device' | 'gateway' | 'console', name: string, password?: string) => ({
  authorization: `Basic ${Buffer.from(`${name}:${password ?? derivedPassword(SITE_KEY, role, name)}`).toString('base64')}`,
});

describe('the HTTP API of the embedded store', () => {
  test('a ping needs no password and names a version', async () => {
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(`${server.url}/ping`, { method });
      expect(response.status).toBe(204);
      expect(response.headers.get('x-influxdb-version')).toMatch(/^1\.8\./);
    }
    expect(await (await fetch(`${server.url}/health`)).json()).toMatchObject({ status: 'pass', site: 'test' });
  });

  test('roles: gateways read and write, the console reads, devices and strangers do neither', async () => {
    const db = await newDatabase();
    const write = async (headers: Record<string, string>) =>
      (await fetch(`${server.url}/write?db=${db}`, { method: 'POST', headers, body: 'm v=1 1' })).status;
    const read = async (headers: Record<string, string>, q = 'SELECT v FROM m') =>
      (await fetch(`${server.url}/query?${new URLSearchParams({ db, q })}`, { headers })).status;
    const gateway = headersOf('gateway', 'g1');
    const console_ = headersOf('console', 'c1');
    expect([await write(gateway), await read(gateway), await read(gateway, `CREATE DATABASE ${db}`)]).toEqual([
      204, 200, 200,
    ]);
    expect([await write(console_), await read(console_), await read(console_, `DROP DATABASE ${db}`)]).toEqual([
      403, 200, 403,
    ]);
    for (const nobody of [headersOf('device', 'd1'), headersOf('gateway', 'g1', 'wrong'), {}] as Record<
      string,
      string
    >[]) {
      expect([await write(nobody), await read(nobody)]).toEqual([401, 401]);
    }
    const refused = await fetch(`${server.url}/query?q=SHOW+DATABASES`);
    expect(await refused.json()).toEqual({ error: 'authorization failed' });
    expect(refused.headers.get('www-authenticate')).toContain('Basic');
  });

  test('takes user name and password as parameters, in the query string and in a form', async () => {
    const parameters = new URLSearchParams({ u: USERNAME, p: PASSWORD, q: 'SHOW DATABASES' });
    expect((await fetch(`${server.url}/query?${parameters}`)).status).toBe(200);
    expect((await fetch(`${server.url}/query`, { method: 'POST', body: parameters })).status).toBe(200);
    parameters.set('p', 'wrong');
    expect((await fetch(`${server.url}/query?${parameters}`)).status).toBe(401);
  });

  test('answers 429 to guessing, by header or by parameters, but lets gateways write', async () => {
    const guarded = await startEmbedded();
    try {
      const query = (p: string) =>
        fetch(`${guarded.url}/query?${new URLSearchParams({ u: USERNAME, p, q: 'SHOW DATABASES' })}`);
      const write = (headers: Record<string, string>) =>
        fetch(`${guarded.url}/write?db=lattice`, { method: 'POST', headers, body: 'm v=1 1' });
      const writeAs = (password: string) => write(headersOf('console', USERNAME, password));
      for (let guess = 0; guess < 5; guess++) {
        expect((await query(`guess ${guess}`)).status).toBe(401);
        expect((await writeAs(`another guess ${guess}`)).status).toBe(401);
      }
      for (const refused of [await query(PASSWORD), await writeAs(PASSWORD)]) {
        expect([refused.status, await refused.json()]).toEqual([
          429,
          { error: 'authorization failed: too many tries' },
        ]);
        expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20);
      }
      expect((await write(headersOf('gateway', 'g1'))).status).toBe(204);
      expect((await fetch(`${guarded.url}/ping`)).status).toBe(204);
    } finally {
      await guarded.stop();
    }
  });

  test('takes gzip, within the bound of the unpacked body', async () => {
    const db = await newDatabase();
    const lines = (count: number) => Array.from({ length: count }, (_, n) => `m v=${n} ${n + 1}`).join('\n');
    const gzip = (text: string) =>
      sendLines(server.url, db, new Uint8Array(gzipSync(text)), { 'content-encoding': 'gzip' });
    expect((await gzip(lines(100))).status).toBe(204);
    expect((await gzip(lines(20_000))).status).toBe(413);
    expect((await sendLines(server.url, db, lines(20_000))).status).toBe(413);
    expect((await sendLines(server.url, db, 'no gzip', { 'content-encoding': 'gzip' })).status).toBe(400);
    const { text } = await ask(server.url, { db, q: 'SELECT count(v) FROM m' });
    expect(JSON.parse(text).results[0].series[0].values[0][1]).toBe(100);
  });

  test('a bad line does not touch the good ones, and the answer says both', async () => {
    const db = await newDatabase();
    const answer = await sendLines(server.url, db, 'm v=1 1\nm v= 2\nm v=3 3');
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual({
      error: "partial write: unable to parse 'm v= 2': missing field value dropped=0",
    });
    expect((await ask(server.url, { db, q: 'SELECT v FROM m', epoch: 'ns' })).text).toContain('[[1,1],[3,3]]');
  });

  test('precisions of stamps, in and out', async () => {
    const db = await newDatabase();
    const headers = headersOf('gateway', 'g1');
    for (const [precision, factor] of [
      ['u', 1e3],
      ['ms', 1e6],
      ['s', 1e9],
      ['m', 6e10],
      ['h', 36e11],
    ] as const) {
      const body = `m,p=${precision} v=1 7`;
      await fetch(`${server.url}/write?${new URLSearchParams({ db, precision })}`, { method: 'POST', headers, body });
      const q = `SELECT v FROM m WHERE p = '${precision}'`;
      const { text } = await ask(server.url, { db, q, epoch: 'ns' });
      expect(JSON.parse(text).results[0].series[0].values).toEqual([[7 * factor, 1]]);
      expect(JSON.parse((await ask(server.url, { db, q, epoch: precision })).text).results[0].series[0].values).toEqual(
        [[7, 1]],
      );
    }
    const wrong = await fetch(`${server.url}/write?${new URLSearchParams({ db, precision: 'x' })}`, {
      method: 'POST',
      headers,
      body: 'm v=1',
    });
    expect(wrong.status).toBe(400);
  });

  test('databases and policies that are not there', async () => {
    const db = await newDatabase();
    expect((await sendLines(server.url, 'nowhere', 'm v=1')).status).toBe(404);
    const answer = await sendLines(server.url, db, 'm v=1', {}, { rp: 'nope' });
    expect(answer).toEqual({ status: 400, text: expect.stringContaining('retention policy not found: nope') });
    expect((await ask(server.url, { q: 'SELECT v FROM m', db: 'nowhere' })).text).toContain(
      'database not found: nowhere',
    );
    expect((await ask(server.url, { q: 'SHOW MEASUREMENTS' })).text).toContain('database name required');
  });

  test('an unsupported word is named', async () => {
    const db = await newDatabase();
    for (const [q, word] of [
      ['EXPLAIN SELECT v FROM m', 'EXPLAIN'],
      ['SELECT sample(v, 2) FROM m', 'sample()'],
      ['SELECT v INTO x FROM m', 'INTO'],
      ['SELECT mean(v) FROM (SELECT v FROM m)', 'a subquery'],
      ['SHOW SERIES CARDINALITY', 'CARDINALITY'],
      ["CREATE USER x WITH PASSWORD 'y'", 'CREATE USER'],
    ] as const) {
      expect((await ask(server.url, { q, db })).text).toContain(`${word} is not supported by the embedded store`);
    }
  });

  test('bounds: series, rows of an answer, windows', async () => {
    const db = await newDatabase();
    for (let part = 0; part < 4; part++) {
      const lines = Array.from({ length: 300 }, (_, n) => `m,s=${part * 300 + n} v=1 ${n + 1}`).join('\n');
      const answer = await sendLines(server.url, db, lines);
      if (part < 3) expect(answer.status).toBe(204);
      else expect(answer.text).toContain('max-series-per-database limit exceeded: (1000) dropped=');
    }
    expect((await sendLines(server.url, db, 'm,s=1 v=2 99')).status).toBe(204);
    expect((await ask(server.url, { q: 'SELECT v FROM m', db })).text).toContain('queryRowsMax');
    const windows = 'SELECT mean(v) FROM m WHERE time > 0 AND time < 1h GROUP BY time(1s)';
    expect((await ask(server.url, { q: windows, db })).text).toContain('max-select-buckets limit exceeded');
    await ask(server.url, { q: `DROP DATABASE ${db}` });
  });

  test('drops measurements, series and policies', async () => {
    const db = await newDatabase();
    const q = async (text: string) => JSON.parse((await ask(server.url, { q: text, db })).text).results[0];
    await sendLines(server.url, db, 'm,s=a v=1 1\nm,s=b v=2 2\nn v=3 3');
    expect(await q("DROP SERIES FROM m WHERE s = 'a'")).toEqual({ statement_id: 0 });
    expect((await q('SELECT v FROM m')).series[0].values).toEqual([['1970-01-01T00:00:00.000000002Z', 2]]);
    await q('DROP MEASUREMENT n');
    expect((await q('SHOW MEASUREMENTS')).series[0].values).toEqual([['m']]);
    expect((await sendLines(server.url, db, 'n v="now a text" 3')).status).toBe(204);
    await q(`CREATE RETENTION POLICY week ON ${db} DURATION 7d REPLICATION 1`);
    await q(`ALTER RETENTION POLICY week ON ${db} DURATION 14d DEFAULT`);
    expect((await q(`SHOW RETENTION POLICIES ON ${db}`)).series[0].values).toEqual([
      ['autogen', '0s', '168h0m0s', 1, false],
      ['week', '336h0m0s', '24h0m0s', 1, true],
    ]);
    await q(`DROP RETENTION POLICY week ON ${db}`);
    expect((await q(`SHOW RETENTION POLICIES ON ${db}`)).series[0].values).toHaveLength(1);
  });

  test("npm influx works with it beyond the driver's needs", async () => {
    const url = new URL(server.url);
    const client = new InfluxDB({
      host: url.hostname,
      port: Number(url.port),
      database: 'npm',
      username: USERNAME,
      password: PASSWORD,
    });
    await client.createDatabase('npm');
    expect(await client.getDatabaseNames()).toContain('npm');
    await client.writePoints([
      { measurement: 'cpu', tags: { host: 'a b' }, fields: { v: 1.5, s: 'x' }, timestamp: new Date(5_000) },
    ]);
    expect(await client.getMeasurements()).toEqual(['cpu']);
    expect(await client.getSeries()).toEqual(['cpu,host=a\\ b']);
    const rows = await client.query<{ v: number; host: string; time: { getTime(): number } }>('SELECT * FROM cpu');
    expect(rows[0]).toMatchObject({ v: 1.5, host: 'a b' });
    expect(rows[0]?.time.getTime()).toBe(5_000);
    await client.createRetentionPolicy('keep', { duration: '1d', replication: 1, isDefault: false });
    expect((await client.showRetentionPolicies()).map((policy) => policy.name)).toEqual(['autogen', 'keep']);
    await client.dropSeries({ measurement: (m) => m.name('cpu'), where: (e) => e.tag('host').equals.value('a b') });
    expect(await client.getSeries()).toEqual([]);
    await client.dropDatabase('npm');
    expect(await client.ping(1_000)).toMatchObject([{ online: true }]);
  });
});

describeWithPeers('the embedded store with curl', ['curl'], () => {
  test('writes a file and reads it back', async () => {
    const db = await newDatabase();
    const curl = async (...args: string[]) =>
      (await run('curl', ['-sS', '-u', `${USERNAME}:${PASSWORD}`, ...args])).stdout;
    const status = ['-o', '/dev/null', '-w', '%{http_code}'];
    const body = 'cpu,host=a v=1.5 1763800000000000017\ncpu,host=b v=2i';
    expect(
      await curl(...status, '--data-binary', 'cpu,host=a v=1.5 1763800000000000017', `${server.url}/write?db=${db}`),
    ).toBe('204');
    expect(await curl('--data-binary', body, `${server.url}/write?db=${db}`)).toContain('field type conflict');
    expect(await curl('-G', '--data-urlencode', `q=SELECT * FROM cpu`, '-d', `db=${db}`, `${server.url}/query`)).toBe(
      '{"results":[{"statement_id":0,"series":[{"name":"cpu","columns":["time","host","v"],"values":[["2025-11-22T08:26:40.000000017Z","a",1.5]]}]}]}\n',
    );
    const pretty = await curl(
      '-d',
      `db=${db}`,
      '-d',
      'pretty=true',
      '--data-urlencode',
      'q=SELECT v FROM cpu',
      `${server.url}/query`,
    );
    expect(pretty).toContain('\n    "results": [\n');
  });
});
