import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { connect, startBroker, type TestBroker } from './harness.ts';

/** Starts brokers that are linked each to each, in this process, and waits until they know each other. */
export async function startLinked(ids: readonly string[], parts: Record<string, unknown> = {}): Promise<TestBroker[]> {
  const brokers: TestBroker[] = [];
  const ports = new Map<string, number>();
  // Of two the smaller id dials, so the greatest is there first; the port of a smaller one is never dialled.
  for (const id of [...ids].sort().reverse()) {
    const peers = ids
      .filter((other) => other !== id)
      .map((other) => ({ id: other, host: '127.0.0.1', port: ports.get(other) ?? 1 }));
    const broker = await startBroker({ ...parts, id, links: { listen: { port: 0 }, peers } });
    ports.set(id, broker.broker.addresses.linkPort as number);
    brokers.unshift(broker);
  }
  for (const { port } of brokers) {
    const watcher = await connect(port);
    const seen = new Set<string>();
    watcher.mqtt.on('message', (topic) => seen.add(topic.split('/')[3] as string));
    await watcher.mqtt.subscribeAsync('mesh/v1/home/+/health');
    // Health is retained, so it has crossed once every link is up.
    await eventually(() => expect([...seen].sort()).toEqual([...ids].sort()));
    await watcher.mqtt.endAsync();
  }
  return brokers;
}
