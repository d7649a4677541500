import { describe, expect, it } from 'vitest';
import { LinkGaps } from '../../broker/link-gaps.ts';
import { VirtualClock } from '../../core/time/index.ts';
import { type LinkGap, linkGapSchema } from '../../core/wire/index.ts';
import { eventually } from '../support/eventually.ts';
import { connect, startBroker } from './support/harness.ts';

describe('what a broker gives up for another', () => {
  it('is told of in one message for each destination and cause, once', () => {
    const clock = new VirtualClock(1_000);
    const told: LinkGap[] = [];
    const gaps = new LinkGaps({ brokerId: 'a', clock, publish: (gap) => told.push(gap) });
    gaps.tell();
    gaps.note('b', 'volatile', 1);
    clock.advance(500);
    gaps.note('b', 'volatile', 2);
    gaps.note('b', 'journal-bound', 7);
    gaps.note('c', 'volatile', 4);
    gaps.tell();
    const common = { node: 'a', toMs: 1_500 };
    expect(told).toEqual([
      { ...common, to: 'b', cause: 'volatile', count: 3, fromMs: 1_000 },
      { ...common, to: 'b', cause: 'journal-bound', count: 7, fromMs: 1_500 },
      { ...common, to: 'c', cause: 'volatile', count: 4, fromMs: 1_500 },
    ]);
    for (const gap of told) expect(linkGapSchema.parse(gap)).toEqual(gap);
    gaps.tell();
    expect(told).toHaveLength(3);
  });

  it('comes to whoever subscribes to the mesh, while a link is down', async () => {
    const hub = await startBroker({ id: 'hub', links: { listen: { port: 0 } } });
    const uplinks = [{ id: 'hub', host: '127.0.0.1', port: hub.broker.addresses.linkPort }];
    const leaf = await startBroker({ id: 'leaf', links: { uplinks } });
    const subscriber = await connect(leaf.port, { clientId: 'kept', clean: false });
    await subscriber.mqtt.subscribeAsync('mesh/v1/home/d1/state', { qos: 1 });
    const watcher = await connect(hub.port);
    await watcher.mqtt.subscribeAsync('mesh/v1/+/+/linkgap', { qos: 1 });
    const publisher = await connect(hub.port);
    await leaf.stop();
    await eventually(() => expect(hub.broker.reachable()).toEqual([]));
    for (let each = 0; each < 5; each++) await publisher.mqtt.publishAsync('mesh/v1/home/d1/state', '{}', { qos: 0 });
    await eventually(() => {
      const gaps = watcher.payloads('mesh/v1/home/hub/linkgap').map((text) => linkGapSchema.parse(JSON.parse(text)));
      expect(gaps.reduce((sum, { count }) => sum + count, 0)).toBe(5);
      expect(gaps[0]).toMatchObject({ node: 'hub', to: 'leaf', cause: 'volatile' });
    }, 12_000);
  }, 25_000);
});
