import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWithPeers } from '../../support/peers.ts';
import { LINES } from './lines.ts';
import { ask, sendLines, startEmbedded, startInfluxd, type TestServer } from './servers.ts';

/** Stamps that the server made are of the last minute. */
const RECENT_NS = 60_000_000_000;

async function contents(url: string, db: string): Promise<string> {
  const nowNs = Date.now() * 1_000_000;
  const { text } = await ask(url, { q: 'SELECT * FROM /.*/; SHOW FIELD KEYS', db, epoch: 'ns' });
  return text.replace(/\[(\d{19}),/g, (all, stamp) => (Math.abs(nowNs - Number(stamp)) < RECENT_NS ? '[now,' : all));
}

describeWithPeers('line protocol against influxd', ['influxd'], () => {
  let influxd: TestServer;
  let embedded: TestServer;
  let databases = 0;

  beforeAll(async () => {
    [influxd, embedded] = await Promise.all([startInfluxd(), startEmbedded()]);
  });
  afterAll(() => Promise.all([influxd?.stop(), embedded?.stop()]));

  test.each(LINES)('%j', async (line) => {
    const db = `lines_${++databases}`;
    const [expected, actual] = await Promise.all(
      [influxd, embedded].map(async ({ url }) => {
        await ask(url, { q: `CREATE DATABASE ${db}` });
        const answer = await sendLines(url, db, line);
        return { ...answer, text: answer.text.trim(), contents: (await contents(url, db)).trim() };
      }),
    );
    expect(actual).toEqual(expected);
  });
});
