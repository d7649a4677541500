import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWithPeers } from '../../support/peers.ts';
import { ask, sendLines, startEmbedded, startInfluxd, type TestServer } from './servers.ts';
import { ORACLE_LINES, STATEMENTS } from './statements.ts';

const DIGITS = 10;

/** Sums in another order differ in their last digits. */
function rounded(value: unknown): unknown {
  if (typeof value === 'number') return Number(value.toPrecision(DIGITS));
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, rounded(one)]));
}

describeWithPeers('InfluxQL against influxd', ['influxd'], () => {
  let influxd: TestServer;
  let embedded: TestServer;

  beforeAll(async () => {
    [influxd, embedded] = await Promise.all([startInfluxd(), startEmbedded({ database: 'e' })]);
    for (const { url } of [influxd, embedded]) {
      await ask(url, { q: 'CREATE DATABASE e' });
      expect(await sendLines(url, 'e', ORACLE_LINES)).toEqual({ status: 204, text: '' });
    }
  });
  afterAll(() => Promise.all([influxd?.stop(), embedded?.stop()]));

  describe('answers alike', () => {
    test.each(STATEMENTS)('%s', async (q) => {
      for (const epoch of ['', 'ms']) {
        const parameters = { q, db: 'e', ...(epoch === '' ? {} : { epoch }) };
        const [expected, actual] = await Promise.all([ask(influxd.url, parameters), ask(embedded.url, parameters)]);
        expect(rounded(JSON.parse(actual.text))).toEqual(rounded(JSON.parse(expected.text)));
        expect(actual.status).toBe(expected.status);
      }
    });
  });

  test('the answers have the keys in the order that Grafana reads them in', async () => {
    const q = 'select mean(v) from m group by host';
    const [expected, actual] = await Promise.all([influxd, embedded].map(({ url }) => ask(url, { q, db: 'e' })));
    expect(actual?.text).toBe(expected?.text);
  });
});
