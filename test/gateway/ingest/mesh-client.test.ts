import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { derivedPassword } from '../../../core/identity/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { MeshClient } from '../../../gateway/ingest/index.ts';
import { cleanup, connect, SITE_KEY, startBroker, type TestBroker } from '../../broker/support/harness.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';

const ALL_SHARDS = Array.from({ length: 64 }, (_, shard) => shard);

/** Two brokers, not linked: what a gateway gets, it gets from the one that it is connected to. */
async function setUp(): Promise<{ client: MeshClient; first: TestBroker; second: TestBroker; taken: string[] }> {
  const first = await startBroker({ id: 'b1', listen: { port: await freePort() } });
  const second = await startBroker({ id: 'b2' });
  const taken: string[] = [];
  const client = new MeshClient({
    clock: systemClock,
    random: seededRandom(1),
    log: pino({ level: 'silent' }),
    brokers: [first, second].map(({ port }) => `mqtt://127.0.0.1:${port}`),
    gatewayId: 'g1',
    password: derivedPassword(SITE_KEY, 'gateway', 'g1'),
    shards: ALL_SHARDS,
    filters: [],
    take: async (topic, payload) => {
      // Its shards hold the health of the brokers too.
      if (topic.endsWith('/state')) taken.push(payload.toString());
    },
  });
  cleanup(() => client.stop());
  client.start();
  await client.subscribed;
  return { client, first, second, taken };
}

async function publishAt({ port }: TestBroker, payload: string): Promise<void> {
  const { mqtt } = await connect(port);
  await mqtt.publishAsync('mesh/v1/home/d1/state', payload, { qos: 1 });
  await mqtt.endAsync();
}

describe("a gateway's connection", () => {
  it('goes to another broker as soon as its own drains, and publishes there', async () => {
    const { client, first, second, taken } = await setUp();
    await publishAt(first, 'before');
    await eventually(() => expect(taken).toEqual(['before']));
    // Not linked, so the list of the first has to be told of the second, as a link would.
    const { mqtt: operator } = await connect(first.port);
    const health = {
      kind: 'broker',
      node: 'b2',
      atMs: Date.now(),
      ...{ uptimeS: 1, rssBytes: 1, connections: 0, sessions: 0, subscriptions: 0, retained: 0 },
      ...{ publishedTotal: 0, deliveredTotal: 0, refusedTotal: 0, droppedTotal: 0, queued: 0 },
      ...{ journalBytes: 0, commitP99Ms: 0, links: [], urls: [`mqtt://127.0.0.1:${second.port}`] },
    };
    await operator.publishAsync('mesh/v1/home/b2/health', JSON.stringify(health), { qos: 1, retain: true });
    await operator.publishAsync('mesh/v1/home/b1/cmd', '{"id":"1","method":"drain"}', { qos: 1 });
    await eventually(async () => {
      await publishAt(second, 'after');
      expect(taken).toContain('after');
    });
    expect(first.codes()).toContain('BROKER_DRAINING');
    await client.publish('mesh/v1/home/g1/deadletter', '{}', { qos: 1, retain: false });
  }, 20_000);

  it('waits for a broker that is started again, and goes on there with its session', async () => {
    const { client, first, taken } = await setUp();
    await first.stop();
    await eventually(() => expect(client.isUp).toBe(false));
    await expect(client.publish('mesh/v1/home/g1/deadletter', '{}', { qos: 1, retain: false })).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
    const again = await startBroker({ id: 'b1', listen: { port: first.port } }, {}, first.dataDir);
    await publishAt(again, 'again');
    await eventually(() => expect(taken).toEqual(['again']));
    await eventually(() => expect(client.isUp).toBe(true));
  }, 20_000);

  it('goes to another when its own stays away', async () => {
    const { client, first, second, taken } = await setUp();
    await first.stop();
    await eventually(() => expect(client.isUp).toBe(false));
    await eventually(() => expect(client.isUp).toBe(true), 12_000);
    await publishAt(second, 'elsewhere');
    await eventually(() => expect(taken).toEqual(['elsewhere']));
  }, 20_000);

  it('tells who publishes when the connection breaks under a message', async () => {
    const { client, first } = await setUp();
    const stopped = first.stop();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => client.publish('mesh/v1/home/g1/deadletter', '{}', { qos: 1, retain: false })),
    );
    await stopped;
    // None hangs; each either has its acknowledgement or is refused.
    for (const result of results) if (result.status === 'rejected') expect(result.reason.code).toBe('UNREACHABLE');
  });
});
