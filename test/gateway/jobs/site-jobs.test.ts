import { pino } from 'pino';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock, VirtualClock } from '../../../core/time/index.ts';
import { type Job, ledgerVerifyJob, storeUsageJob } from '../../../gateway/jobs/index.ts';
import { beginLedger, createSigningKey, ledgeredTransaction, type Verdict } from '../../../gateway/ledger/index.ts';
import { asFencedStore, createStore, storeTargetSchema } from '../../../gateway/store/index.ts';
import { MemorySite, memoryCoordinator } from '../../support/memory-site.ts';
import { ask, PASSWORD, startEmbedded, USERNAME } from '../store/servers.ts';

const SCHEDULE = '0 * * * *';
const stops: (() => unknown)[] = [];

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

function runOf(job: Job, token: number, signal = new AbortController().signal): Promise<string | undefined> {
  return job.run({ fence: { scope: 'home/leader', token }, signal, log: pino({ level: 'silent' }) });
}

describe('ledger-verify', () => {
  const root = { name: 'root', key: createSigningKey() };
  const trust = { rootKey: root.key.publicKey };

  async function ledger() {
    const site = new MemorySite();
    const group = memoryCoordinator(site);
    const options = { group, clock: new VirtualClock(), author: root };
    await beginLedger(options);
    for (let n = 2; n <= 5; n++) await ledgeredTransaction(options, { act: 'config.set', details: { n } });
    const verdicts: Verdict[] = [];
    const publish = (verdict: Verdict): unknown => verdicts.push(verdict);
    return { site, group, verdicts, publish };
  }

  it('publishes that the ledger holds together', async () => {
    const { group, verdicts, publish } = await ledger();
    const job = ledgerVerifyJob({ schedule: SCHEDULE, group, trust: () => trust, publish });
    expect(await runOf(job, 1)).toMatch(/^5 entries, head [0-9a-f]{64}$/);
    expect(verdicts).toMatchObject([{ ok: true, count: 5 }]);
  });

  it('fails on a ledger that was tampered with, and names the first bad entry', async () => {
    const { site, group, verdicts, publish } = await ledger();
    const [key, found] = [...site.keys].find(([, { value }]) => value.includes('"n":3'))!;
    site.keys.set(key, { ...found, value: found.value.replace('"n":3', '"n":4') });
    const job = ledgerVerifyJob({ schedule: SCHEDULE, group, trust: () => trust, publish });
    await expect(runOf(job, 1)).rejects.toMatchObject({
      code: 'LEDGER_INVALID',
      message: expect.stringContaining('Entry 3 is bad (hash)'),
    });
    expect(verdicts).toMatchObject([{ ok: false, bad: { place: 3 } }]);
  });

  it('ends when the lead does, and has no verdict then or without a ledger', async () => {
    const { group, verdicts, publish } = await ledger();
    const job = ledgerVerifyJob({ schedule: SCHEDULE, group, trust: () => trust, publish });
    await expect(runOf(job, 1, AbortSignal.abort())).rejects.toThrow();
    expect(await runOf(ledgerVerifyJob({ schedule: SCHEDULE, group, trust: () => undefined, publish }), 1)).toBe(
      'no ledger',
    );
    expect(verdicts).toEqual([]);
  });
});

describe('store-usage', () => {
  it('writes what the store holds, and not any more once a later leader has written', async () => {
    const server = await startEmbedded();
    stops.push(() => server.stop());
    const target = storeTargetSchema.parse({ url: server.url, username: USERNAME, password: PASSWORD });
    const store = asFencedStore(createStore(target, { clock: systemClock }))!;
    stops.push(() => store.close());
    await store.write([{ measurement: 'm', tags: { a: 'b' }, fields: { v: 1 }, timeNs: 1n }]);
    const job = storeUsageJob({ schedule: SCHEDULE, site: 'home', store, clock: systemClock });
    expect(await runOf(job, 5)).toMatch(/^1 series, \d+ bytes$/);
    await expect(runOf(job, 4)).rejects.toMatchObject({ code: 'FENCED' });
    const { text } = await ask(server.url, { q: 'SELECT * FROM lattice_store', db: 'lattice', epoch: 'ms' });
    const [series] = JSON.parse(text).results[0].series;
    expect(series.columns).toEqual(['time', 'bytes', 'measurements', 'points_written', 'series', 'site']);
    expect(series.values).toEqual([[expect.any(Number), expect.any(Number), 1, 1, 1, 'home']]);
    expect(series.values[0][1]).toBeGreaterThan(1_000);
  });
});
