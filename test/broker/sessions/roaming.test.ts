import type { IClientOptions } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { connect, credentials, startBroker, type TestBroker, type TestClient } from '../support/harness.ts';
import { type FakeCluster, FakeNetwork } from './fake-network.ts';

const KEPT: IClientOptions = { clientId: 'roamer', clean: false };
const TOPIC = 'mesh/v1/home/d1/state';

interface Node extends TestBroker {
  id: string;
  cluster: FakeCluster;
}

/** Brokers without links, which hear each other's datagrams. */
async function startMesh(
  ids: string[],
  sessions: Record<string, unknown> = {},
): Promise<{ network: FakeNetwork; nodes: Node[] }> {
  const network = new FakeNetwork(systemClock, seededRandom('roaming'));
  network.noticeMsMax = 0;
  const nodes: Node[] = [];
  for (const id of ids) {
    const cluster = network.join(id);
    nodes.push({ id, cluster, ...(await startBroker({ id, sessions }, { federate: () => cluster.asFederation() })) });
  }
  await eventually(() => {
    for (const { cluster } of nodes) expect(cluster.reachable()).toHaveLength(ids.length - 1);
  });
  return { network, nodes };
}

const at = (nodes: Node[], index: number): Node => nodes[index] as Node;

async function publish(port: number, payloads: string[], topic = TOPIC): Promise<void> {
  const publisher = await connect(port);
  for (const payload of payloads) await publisher.mqtt.publishAsync(topic, payload, { qos: 1 });
  await publisher.mqtt.endAsync();
}

const isClosed = (client: TestClient): Promise<void> => eventually(() => expect(client.mqtt.connected).toBe(false));

describe('a client that connects to another broker', () => {
  it('is closed where it was, without its will', async () => {
    const { nodes } = await startMesh(['a', 'b']);
    const will = {
      topic: 'mesh/v1/home/d1/availability',
      payload: Buffer.from('gone'),
      qos: 1 as const,
      retain: false,
    };
    const watcher = await connect(at(nodes, 0).port);
    await watcher.mqtt.subscribeAsync(will.topic);
    const first = await connect(at(nodes, 0).port, { clientId: 'x', will });
    const second = await connect(at(nodes, 1).port, { clientId: 'x' });
    await isClosed(first);
    expect(second.mqtt.connected).toBe(true);
    expect(at(nodes, 0).codes()).toContain('SESSION_TAKEN_OVER');
    // A message behind it would come behind the will.
    await publish(at(nodes, 0).port, ['after'], will.topic);
    await eventually(() => expect(watcher.payloads()).toEqual(['after']));
  });

  it('has its will published when the configuration says so', async () => {
    const { nodes } = await startMesh(['a', 'b'], { moveFiresWill: true });
    const will = {
      topic: 'mesh/v1/home/d1/availability',
      payload: Buffer.from('gone'),
      qos: 1 as const,
      retain: false,
    };
    const watcher = await connect(at(nodes, 0).port);
    await watcher.mqtt.subscribeAsync(will.topic);
    await connect(at(nodes, 0).port, { clientId: 'x', will });
    await connect(at(nodes, 1).port, { clientId: 'x' });
    await eventually(() => expect(watcher.payloads()).toEqual(['gone']));
  });

  it('takes its session along: subscriptions and what was queued, in order', async () => {
    const { nodes } = await startMesh(['a', 'b', 'c']);
    const first = await connect(at(nodes, 0).port, KEPT);
    await first.mqtt.subscribeAsync('mesh/v1/home/+/state', { qos: 1 });
    await first.mqtt.endAsync();
    const sent = Array.from({ length: 300 }, (_, each) => `${each} ${'.'.repeat(2_000)}`);
    await publish(at(nodes, 0).port, sent);
    const second = await connect(at(nodes, 1).port, KEPT);
    expect(second.sessionPresent).toBe(true);
    await eventually(() => expect(second.payloads()).toEqual(sent), 10_000);
    await publish(at(nodes, 1).port, ['here']);
    await eventually(() => expect(second.payloads().at(-1)).toBe('here'));
    await second.mqtt.endAsync();
    // The first broker has not ended its session yet; what it held is not to come again.
    const third = await connect(at(nodes, 2).port, KEPT);
    expect(third.sessionPresent).toBe(true);
    await publish(at(nodes, 2).port, ['there']);
    await eventually(() => expect(third.payloads()).toEqual(['there']));
  });

  it('gets what was in flight again, QoS 2 once', async () => {
    const { nodes } = await startMesh(['a', 'b']);
    const options: IClientOptions = { ...KEPT, protocolVersion: 4 };
    const first = await connect(at(nodes, 0).port, options);
    await first.mqtt.subscribeAsync(TOPIC, { qos: 2 });
    // It never acknowledges.
    first.mqtt.handleMessage = () => {};
    const publisher = await connect(at(nodes, 0).port);
    await publisher.mqtt.publishAsync(TOPIC, 'one', { qos: 1 });
    await publisher.mqtt.publishAsync(TOPIC, 'two', { qos: 2 });
    await eventually(() => expect(first.received.length).toBeGreaterThan(0));
    const second = await connect(at(nodes, 1).port, options);
    await eventually(() => expect(second.payloads()).toEqual(['one', 'two']));
    expect(second.received[0]?.dup).toBe(true);
  });

  it('begins anew with a clean session, and the old one ends', async () => {
    const { nodes } = await startMesh(['a', 'b']);
    const first = await connect(at(nodes, 0).port, KEPT);
    await first.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    await first.mqtt.endAsync();
    const second = await connect(at(nodes, 1).port, { ...KEPT, clean: true });
    expect(second.sessionPresent).toBe(false);
    await second.mqtt.endAsync();
    await eventually(() => expect(at(nodes, 0).log.some(({ msg }) => msg.includes('began anew'))).toBe(true));
    expect((await connect(at(nodes, 0).port, KEPT)).sessionPresent).toBe(false);
  });

  it('finds its way back before the move is over, and nothing is lost', async () => {
    const { nodes, network } = await startMesh(['a', 'b']);
    const first = await connect(at(nodes, 0).port, KEPT);
    await first.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    await first.mqtt.endAsync();
    const sent = Array.from({ length: 50 }, (_, each) => `${each}`);
    await publish(at(nodes, 0).port, sent);
    network.faults = { delayMsMax: 40, loss: 0.2, duplication: 0.2 };
    const got: string[] = [];
    for (const index of [1, 0, 1, 0, 1]) {
      const client = await connect(at(nodes, index).port, KEPT);
      await new Promise((resolve) => setTimeout(resolve, 100));
      got.push(...client.payloads());
      await client.mqtt.endAsync();
    }
    network.faults = { delayMsMax: 2, loss: 0, duplication: 0 };
    const last = await connect(at(nodes, 0).port, KEPT);
    await eventually(() => expect(new Set([...got, ...last.payloads()]).size).toBe(sent.length), 10_000);
  });

  it('is refused when the client id is another account’s at another broker', async () => {
    const { nodes } = await startMesh(['a', 'b']);
    const { username, password } = credentials('console', 'web');
    await connect(at(nodes, 0).port, { clientId: 'shared' });
    await expect(connect(at(nodes, 1).port, { clientId: 'shared', username, password })).rejects.toThrow();
    expect(at(nodes, 1).codes()).toContain('CLIENT_ID_TAKEN');
  });

  it('waits no longer than the deadline for a broker that does not answer, and gets what is here', async () => {
    const { nodes, network } = await startMesh(['a', 'b'], { claimTimeoutMs: 100, transferTimeoutMs: 300 });
    network.faults = { delayMsMax: 1, loss: 1, duplication: 0 };
    const startedMs = performance.now();
    const client = await connect(at(nodes, 1).port, KEPT);
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    await client.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    await publish(at(nodes, 1).port, ['here']);
    await eventually(() => expect(client.payloads()).toEqual(['here']));
  });

  it('keeps one of fifty connects at once', async () => {
    const { nodes } = await startMesh(['a', 'b', 'c']);
    const connects = Array.from({ length: 50 }, (_, each) =>
      connect(at(nodes, each % 3).port, { clientId: 'popular' }),
    );
    const settled = await Promise.allSettled(connects);
    const clients = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    await eventually(() => expect(clients.filter(({ mqtt }) => mqtt.connected)).toHaveLength(1));
  });
});
