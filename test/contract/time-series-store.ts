import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { codeOf } from '../../core/errors/index.ts';
import type { Point } from '../../core/wire/index.ts';
import type { StoreConfig, TimeSeriesStore } from '../../gateway/store/index.ts';
import { FaultyProxy } from './proxy.ts';

/** A driver and a server that it writes to. */
export interface StoreUnderTest {
  /** With the right user name and password, and no database yet. */
  config: StoreConfig;
  open(config: StoreConfig): TimeSeriesStore;
  /** Asks the server itself, past the driver; stamps in ns. The text of its JSON, so that no digit is lost. */
  askExact(statement: string, database: string): Promise<string>;
  stop(): Promise<void>;
}

const TIME_NS = 1_763_800_000_000_000_017n;

function point(fields: Point['fields'], changes: Partial<Point> = {}): Point {
  return { measurement: 'reading', tags: { site: 'home', device: 'd1' }, fields, timeNs: TIME_NS, ...changes };
}

/** What every driver of TimeSeriesStore must do. */
export function timeSeriesStoreContract(name: string, start: () => Promise<StoreUnderTest>): void {
  describe(`time-series store: ${name}`, () => {
    let under: StoreUnderTest;
    let store: TimeSeriesStore;
    let config: StoreConfig;
    let databases = 0;
    const opened: TimeSeriesStore[] = [];

    const open = (changes: Partial<StoreConfig>): TimeSeriesStore => {
      const other = under.open({ ...config, ...changes });
      opened.push(other);
      return other;
    };
    const exact = (statement: string): Promise<string> => under.askExact(statement, config.database);

    beforeAll(async () => {
      under = await start();
    });
    afterAll(() => under?.stop());
    beforeEach(async () => {
      config = { ...under.config, database: `contract_${++databases}`, timeoutMs: 5_000 };
      store = open({});
      await store.ensureDatabase();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((one) => one.close()));
    });

    test('writes and reads back every type', async () => {
      const result = await store.write([point({ f: 21.5, i: 17n, s: 'sync', yes: true, no: false, whole: 3 })]);
      expect(result).toEqual({ rejected: [] });
      expect(await store.query('SELECT * FROM reading')).toEqual([
        {
          name: 'reading',
          columns: ['time', 'device', 'f', 'i', 'no', 's', 'site', 'whole', 'yes'],
          values: [[1_763_800_000_000, 'd1', 21.5, 17, false, 'sync', 'home', 3, true]],
        },
      ]);
      const types = await store.query('SHOW FIELD KEYS');
      expect(Object.fromEntries(types[0]?.values as [string, string][])).toEqual({
        f: 'float',
        i: 'integer',
        no: 'boolean',
        s: 'string',
        whole: 'float',
        yes: 'boolean',
      });
    });

    test('keeps stamps and whole numbers to the last digit', async () => {
      await store.write([
        point({ i: 9_223_372_036_854_775_807n }),
        point({ i: -9_007_199_254_740_993n }, { timeNs: TIME_NS + 1n }),
      ]);
      const text = await exact('SELECT i FROM reading');
      expect(text).toContain('[1763800000000000017,9223372036854775807]');
      expect(text).toContain('[1763800000000000018,-9007199254740993]');
    });

    test('writing a point again changes nothing', async () => {
      const points = Array.from({ length: 50 }, (_, n) => point({ v: n }, { timeNs: TIME_NS + BigInt(n) }));
      await store.write(points);
      const before = await exact('SELECT * FROM reading');
      await store.write(points);
      await store.write(points.slice(10, 20));
      expect(await exact('SELECT * FROM reading')).toBe(before);
    });

    test('two writes of one point unite their fields, and the last value of a field stands', async () => {
      await store.write([point({ a: 1, b: 2 })]);
      await store.write([point({ b: 3, c: 4 })]);
      const [series] = await store.query('SELECT a, b, c FROM reading');
      expect(series?.values).toEqual([[1_763_800_000_000, 1, 3, 4]]);
    });

    test('names the points that the store refuses, and stores the others', async () => {
      await store.write([point({ v: 1.5 })]);
      const points = Array.from({ length: 40 }, (_, n) =>
        point(n === 7 || n === 31 ? { v: 'text' } : { v: n }, { timeNs: TIME_NS + BigInt(n) * 1_000n }),
      );
      const { rejected } = await store.write(points);
      expect(rejected.map((one) => one.index)).toEqual([7, 31]);
      for (const { reason } of rejected) expect(reason).toContain('field type conflict');
      expect((await store.query('SELECT count(v) FROM reading'))[0]?.values[0]?.[1]).toBe(38);
    });

    test('refuses points that are older than the store keeps', async () => {
      await store.query(`CREATE RETENTION POLICY short ON "${config.database}" DURATION 1h REPLICATION 1 DEFAULT`);
      const nowNs = BigInt(Date.now()) * 1_000_000n;
      const { rejected } = await store.write([point({ v: 1 }, { timeNs: nowNs }), point({ v: 2 })]);
      expect(rejected).toEqual([{ index: 1, reason: expect.stringContaining('beyond retention policy') }]);
      expect((await store.query('SELECT v FROM reading'))[0]?.values).toHaveLength(1);
    });

    test('never makes an invalid line of a value that is none', async () => {
      const { rejected } = await store.write([
        point({ nan: Number.NaN, infinite: Number.POSITIVE_INFINITY, v: 1 }),
        point({ nan: Number.NaN }, { timeNs: TIME_NS + 1n }),
        point({}, { timeNs: TIME_NS + 2n }),
        point({ v: 2, gone: undefined as unknown as number }, { timeNs: TIME_NS + 3n }),
        point({ v: 3 }, { tags: { site: 'home', device: 'd1', room: '' }, timeNs: TIME_NS + 4n }),
        point({ v: 4 }, { tags: { site: 'a\nb' }, timeNs: TIME_NS + 5n }),
        point({ v: 5 }, { measurement: '', timeNs: TIME_NS + 6n }),
        point({ v: 6 }, { timeNs: 2n ** 63n }),
      ]);
      expect(rejected.map((one) => one.index)).toEqual([1, 2, 5, 6, 7]);
      const [series] = await store.query('SELECT * FROM reading');
      expect(series?.columns).toEqual(['time', 'device', 'site', 'v']);
      expect(series?.values.map((row) => row[3])).toEqual([1, 2, 3]);
    });

    test('keeps special characters in names, tags and texts', async () => {
      const odd = point(
        { 'a field, with = signs': 'quotes " and \\ and \\" and \\\' and\nlines', 'ü é 😀': '' },
        { measurement: 'odd, name = x', tags: { 'tag, = key': 'va=l,u e', path: 'C:\\temp', ß: '日本 "語"' } },
      );
      expect(await store.write([odd])).toEqual({ rejected: [] });
      const [series] = await store.query('SELECT * FROM "odd, name = x"');
      const row = Object.fromEntries(series?.columns.map((column, at) => [column, series.values[0]?.[at]]) ?? []);
      expect(row).toEqual({ time: 1_763_800_000_000, ...odd.fields, ...odd.tags });
    });

    test('an empty batch is stored without a request', async () => {
      const away = open({ url: 'http://127.0.0.1:9' });
      expect(await away.write([])).toEqual({ rejected: [] });
    });

    test('makes its database again when the server has lost it', async () => {
      await store.query(`DROP DATABASE "${config.database}"`);
      expect(await store.write([point({ v: 1 })])).toEqual({ rejected: [] });
      expect(await store.query('SELECT v FROM reading')).toHaveLength(1);
    });

    test('a wrong password is STORE_AUTH', async () => {
      const stranger = open({ password: 'wrong' });
      expect(codeOf(await stranger.write([point({ v: 1 })]).catch((error) => error))).toBe('STORE_AUTH');
      expect(codeOf(await stranger.query('SELECT v FROM reading').catch((error) => error))).toBe('STORE_AUTH');
      expect(codeOf(await stranger.ensureDatabase().catch((error) => error))).toBe('STORE_AUTH');
    });

    test('tells what is wrong with a query', async () => {
      expect(codeOf(await store.query('SELECT FROM WHERE').catch((error) => error))).toBe('QUERY_SYNTAX');
      expect(codeOf(await store.query('SELECT frobnicate(v) FROM reading').catch((error) => error))).toBe(
        'QUERY_UNSUPPORTED',
      );
      expect(await store.query('SELECT v FROM nothing')).toEqual([]);
    });

    test('groups carry their tags', async () => {
      await store.write([point({ v: 1 }), point({ v: 3 }, { tags: { site: 'home', device: 'd2' } })]);
      const series = await store.query('SELECT mean(v) FROM reading GROUP BY device');
      expect(series.map((one) => [one.tags, one.values[0]?.[1]])).toEqual([
        [{ device: 'd1' }, 1],
        [{ device: 'd2' }, 3],
      ]);
    });

    test('a server that is away is STORE_UNREACHABLE, and works at once when it is back', async () => {
      const proxy = new FaultyProxy(config.url);
      await proxy.start();
      const far = open({ url: proxy.url, timeoutMs: 2_000 });
      await far.ping();
      expect(await far.write([point({ v: 1 })])).toEqual({ rejected: [] });
      await proxy.stop();
      for (let attempt = 0; attempt < 4; attempt++) {
        expect(codeOf(await far.write([point({ v: 2 })]).catch((error) => error))).toBe('STORE_UNREACHABLE');
      }
      expect(codeOf(await far.ping().catch((error) => error))).toBe('STORE_UNREACHABLE');
      expect(codeOf(await far.query('SELECT v FROM reading').catch((error) => error))).toBe('STORE_UNREACHABLE');
      await proxy.start();
      expect(await far.write([point({ v: 3 })])).toEqual({ rejected: [] });
      expect((await far.query('SELECT v FROM reading'))[0]?.values).toEqual([[1_763_800_000_000, 3]]);
      await proxy.stop();
    });

    test('a server that hangs is STORE_UNREACHABLE within the time-out, and works at once when it is back', async () => {
      const proxy = new FaultyProxy(config.url);
      await proxy.start();
      const far = open({ url: proxy.url, timeoutMs: 300 });
      await far.ping();
      proxy.hang();
      const startMs = performance.now();
      const codes = await Promise.all(
        [far.write([point({ v: 1 })]), far.query('SELECT v FROM reading'), far.ping()].map((call) =>
          call.then(() => 'answered', codeOf),
        ),
      );
      expect(codes).toEqual(['STORE_UNREACHABLE', 'STORE_UNREACHABLE', 'STORE_UNREACHABLE']);
      expect(performance.now() - startMs).toBeLessThan(2_000);
      await proxy.stop();
      await proxy.start();
      expect(await far.write([point({ v: 2 })])).toEqual({ rejected: [] });
      await proxy.stop();
    });

    test('an answer that breaks off after its header is STORE_UNREACHABLE, not silence', async () => {
      const server = createServer((request, response) => {
        request.resume();
        response.writeHead(200, { 'content-type': 'application/json', 'x-influxdb-version': '1.8.10' });
        response.write('{"results":[{"statement_');
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const broken = open({ url, timeoutMs: 300 });
      expect(codeOf(await broken.query('SELECT v FROM reading').catch((error) => error))).toBe('STORE_UNREACHABLE');
      server.closeAllConnections();
      server.close();
    });

    test('a fault of the server is STORE_UNREACHABLE and turns nobody away', async () => {
      let isIll = true;
      const server = createServer((request, response) => {
        request.resume();
        response.writeHead(isIll ? 503 : 204, { 'x-influxdb-version': '1.8.10' }).end();
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const ill = open({ url, timeoutMs: 2_000 });
      for (let attempt = 0; attempt < 5; attempt++) {
        expect(codeOf(await ill.write([point({ v: 1 })]).catch((error) => error))).toBe('STORE_UNREACHABLE');
      }
      isIll = false;
      expect(await ill.write([point({ v: 1 })])).toEqual({ rejected: [] });
      server.closeAllConnections();
      server.close();
    });

    test('an aborted call ends at once', async () => {
      const proxy = new FaultyProxy(config.url);
      await proxy.start();
      proxy.hang();
      const far = open({ url: proxy.url });
      const aborter = new AbortController();
      const write = far.write([point({ v: 1 })], aborter.signal).catch((error) => error);
      const startMs = performance.now();
      aborter.abort();
      expect(codeOf(await write)).toBe('STORE_UNREACHABLE');
      expect(codeOf(await far.ping(AbortSignal.abort()).catch((error) => error))).toBe('STORE_UNREACHABLE');
      expect(performance.now() - startMs).toBeLessThan(1_000);
      await proxy.stop();
    });

    test('close ends what is under way, and nothing works after it', async () => {
      const proxy = new FaultyProxy(config.url);
      await proxy.start();
      proxy.hang();
      const far = open({ url: proxy.url });
      const query = far.query('SELECT v FROM reading').catch((error) => error);
      await far.close();
      expect(codeOf(await query)).toBe('STORE_UNREACHABLE');
      expect(codeOf(await far.write([point({ v: 1 })]).catch((error) => error))).toBe('STORE_UNREACHABLE');
      await far.close();
      await proxy.stop();
    });

    test('calls at once do not disturb each other', async () => {
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          store.write(Array.from({ length: 20 }, (_, m) => point({ v: m }, { timeNs: TIME_NS + BigInt(n * 100 + m) }))),
        ),
      );
      expect(results.every((result) => result.rejected.length === 0)).toBe(true);
      expect((await store.query('SELECT count(v) FROM reading'))[0]?.values[0]?.[1]).toBe(400);
    });
  });
}
