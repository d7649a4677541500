import { describe, expect, it } from 'vitest';
import { createFederation } from '../../broker/federation/index.ts';
import { basicAuthHeader } from '../../core/identity/index.ts';
import { eventually } from '../support/eventually.ts';
import { ShiftedClock } from '../support/shifted-clock.ts';
import { connect, OPERATOR, startBroker, type TestBroker, type TestClient } from './support/harness.ts';
import { newFolder } from './support/store.ts';

const HOUR_MS = 3_600_000;
const BOTH = 'mesh/v1/home/d1/meta';
const END = 'mesh/v1/home/d9/end';
const HERE = 'mesh/v1/home/d2/meta';

/** b1, whose clock may be wrong, dials b2, whose clock is right. */
async function startPair(aheadMs: number, clockUncertaintyMs = 0) {
  const clock = new ShiftedClock(aheadMs);
  const right = await startBroker(
    {
      id: 'b2',
      metrics: { port: 0 },
      links: { listen: { port: 0 }, peers: [{ id: 'b1', host: '127.0.0.1', port: 1 }] },
    },
    { federate, clockUncertaintyMs: () => clockUncertaintyMs },
  );
  const { linkPort } = right.broker.addresses;
  const folder = await newFolder();
  const startWrong = async (): Promise<TestBroker> => {
    const links = { peers: [{ id: 'b2', host: '127.0.0.1', port: linkPort }] };
    const broker = await startBroker({ id: 'b1', metrics: { port: 0 }, links }, { clock, federate }, folder);
    await eventually(() => expect(broker.broker.reachable()).toEqual(['b2']));
    return broker;
  };
  return { clock, right, wrong: await startWrong(), startWrong };
}

/** Neighbours compare what they retain often, as a test has no half minute. */
const federate: typeof createFederation = (options) =>
  createFederation({ ...options, limits: { ...options.limits, retainedCompareMs: 300 } });

async function metricsOf({ broker }: TestBroker): Promise<string> {
  const headers = { authorization: basicAuthHeader(OPERATOR.username, OPERATOR.password) };
  return (await fetch(`http://127.0.0.1:${broker.addresses.metricsPort}/metrics`, { headers })).text();
}

function metricIn(page: string, metric: string): number {
  const line = page.split('\n').find((each) => each.startsWith(`${metric} `)) ?? 'x NaN';
  return Number(line.split(' ')[1]);
}

/** What a broker retains of the two topics, as a new subscriber gets it. */
async function retainedAt({ port }: TestBroker): Promise<Record<string, string>> {
  const client = await connect(port);
  await client.mqtt.subscribeAsync(['mesh/v1/home/+/meta', END], { qos: 1 });
  await client.mqtt.publishAsync(END, `${port}`, { qos: 1 });
  await eventually(() => expect(client.payloads(END)).toContain(`${port}`));
  await client.mqtt.endAsync();
  return Object.fromEntries(
    client.received.filter(({ retain }) => retain).map(({ topic, payload }) => [topic, payload]),
  );
}

const retain = (client: TestClient, topic: string, payload: string) =>
  client.mqtt.publishAsync(topic, payload, { qos: 1, retain: true });

describe('a broker whose clock is an hour ahead', () => {
  it('is not believed by the others, which deliver what it has; put right while it runs, it comes to the same as they', async () => {
    const { clock, right, wrong } = await startPair(HOUR_MS);
    const atWrong = await connect(wrong.port);
    const atRight = await connect(right.port);
    await atRight.mqtt.subscribeAsync('mesh/v1/home/+/meta', { qos: 1 });
    await retain(atRight, BOTH, 'before');
    await retain(atWrong, BOTH, 'from the future');
    await retain(atWrong, HERE, 'only there');
    // Delivered as what they are, messages that were acknowledged; not retained.
    await eventually(() => expect(atRight.payloads(HERE)).toEqual(['only there']));
    expect(atRight.payloads(BOTH)).toEqual(['before', 'from the future']);
    expect(await retainedAt(right)).toEqual({ [BOTH]: 'before' });
    await retain(atRight, BOTH, 'after');
    expect(await retainedAt(right)).toEqual({ [BOTH]: 'after' });
    expect(await retainedAt(wrong)).toEqual({ [BOTH]: 'from the future', [HERE]: 'only there' });

    const page = await metricsOf(right);
    expect(metricIn(page, 'lattice_hlc_refused_total{peer="b1"}')).toBeGreaterThanOrEqual(2);
    expect(metricIn(page, 'lattice_hlc_drift_ms')).toBeLessThan(1_000);
    const told = right.log.filter(({ code }) => code === 'HLC_STAMP_FUTURE');
    expect(told).toMatchObject([{ peer: 'b1', aheadMsMax: 60_000 }]);
    expect(Math.abs((told[0]?.['aheadMs'] as number) - HOUR_MS)).toBeLessThan(5_000);
    // The one that is ahead has no reason to refuse anything.
    expect(await metricsOf(wrong)).not.toContain('lattice_hlc_refused_total{');

    // The last stamp before it is put right says how wrong it was.
    await retain(atWrong, 'mesh/v1/home/d3/other', 'last');
    clock.aheadMs = 0;
    await retain(atWrong, 'mesh/v1/home/d3/other', 'first');
    for (const broker of [right, wrong]) {
      await eventually(async () => expect(await retainedAt(broker)).toEqual({ [BOTH]: 'after', [HERE]: 'only there' }));
    }
    expect(metricIn(await metricsOf(wrong), 'lattice_hlc_drift_ms')).toBeLessThan(1_000);
    // From here on it is believed.
    await retain(atWrong, BOTH, 'last of all');
    for (const broker of [right, wrong]) {
      await eventually(async () => expect(await retainedAt(broker)).toMatchObject({ [BOTH]: 'last of all' }));
    }
  }, 30_000);

  it('comes to the same as they when it is put right while it is away, and keeps it so', async () => {
    const { clock, right, wrong, startWrong } = await startPair(HOUR_MS);
    const atWrong = await connect(wrong.port);
    await retain(atWrong, BOTH, 'from the future');
    await retain(atWrong, HERE, 'only there');
    await retain(await connect(right.port), BOTH, 'after');
    await retain(atWrong, 'mesh/v1/home/d3/other', 'last');
    await wrong.stop();
    clock.aheadMs = 0;
    for (let start = 0; start < 2; start++) {
      const again = await startWrong();
      for (const broker of [right, again]) {
        await eventually(async () =>
          expect(await retainedAt(broker)).toEqual({ [BOTH]: 'after', [HERE]: 'only there' }),
        );
      }
      const moved = again.log.filter(({ msg }) => msg.includes('has been put right'));
      expect(moved).toHaveLength(start === 0 ? 1 : 0);
      await again.stop();
    }
  }, 30_000);

  it('is believed by one that does not know the time any better', async () => {
    const { right, wrong } = await startPair(HOUR_MS, 2 * HOUR_MS);
    await retain(await connect(wrong.port), HERE, 'from there');
    await eventually(async () => expect(await retainedAt(right)).toEqual({ [HERE]: 'from there' }));
    expect(metricIn(await metricsOf(right), 'lattice_hlc_drift_ms')).toBeGreaterThan(HOUR_MS - 60_000);
    expect(right.codes()).not.toContain('HLC_STAMP_FUTURE');
  });

  it('lets clients in, which move to it and from it with what waits for them', async () => {
    const { right, wrong } = await startPair(HOUR_MS);
    const kept = { clientId: 'kept', clean: false };
    const filter = 'mesh/v1/home/+/state';
    let client = await connect(wrong.port, kept);
    await client.mqtt.subscribeAsync(filter, { qos: 1 });
    for (const [index, to] of [right, wrong, right].entries()) {
      await client.mqtt.endAsync();
      const publisher = await connect(index % 2 === 0 ? wrong.port : right.port);
      await publisher.mqtt.publishAsync('mesh/v1/home/d1/state', `${index}`, { qos: 1 });
      client = await connect(to.port, kept);
      await eventually(() => expect(client.payloads()).toEqual([`${index}`]));
    }
    // A connection that is still open at the one goes when the client comes to the other.
    const closed = new Promise<void>((resolve) => client.mqtt.once('close', resolve));
    await connect(wrong.port, kept);
    await closed;
  }, 30_000);
});

describe('a broker whose clock is an hour behind', () => {
  it('refuses what others have, and takes it when it is put right', async () => {
    const { clock, right, wrong } = await startPair(-HOUR_MS);
    const atWrong = await connect(wrong.port);
    await retain(await connect(right.port), BOTH, 'from the present');
    await retain(atWrong, BOTH, 'from the past');
    await retain(atWrong, HERE, 'only there');
    await eventually(async () => {
      expect(await retainedAt(right)).toEqual({ [BOTH]: 'from the present', [HERE]: 'only there' });
    });
    expect(await retainedAt(wrong)).toEqual({ [BOTH]: 'from the past', [HERE]: 'only there' });
    expect(wrong.log.find(({ code }) => code === 'HLC_STAMP_FUTURE')).toMatchObject({ peer: 'b2' });
    clock.aheadMs = 0;
    await eventually(async () => {
      expect(await retainedAt(wrong)).toEqual({ [BOTH]: 'from the present', [HERE]: 'only there' });
    });
  }, 30_000);
});
