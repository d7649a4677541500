import { describe, expect, it } from 'vitest';
import { SystemTopics } from '../../broker/system-topics.ts';
import { linkStateSchema, streamStateSchema } from '../../core/wire/index.ts';
import { brokerHealth } from '../dashboards/support/mesh.ts';
import { eventually } from '../support/eventually.ts';
import { connect, credentials, startBroker } from './support/harness.ts';

describe('what a broker tells of itself under $SYS', () => {
  it('is one message for the broker, and one for each link, stream and bridge', () => {
    const told = new Map<string, string>();
    const topics = new SystemTopics((topic, payload) => told.set(topic, payload.toString()));
    topics.tell(brokerHealth('b1', ['b2', 'b3']));
    expect([...told.keys()].sort()).toEqual([
      '$SYS/lattice/broker',
      '$SYS/lattice/links/b2',
      '$SYS/lattice/links/b3',
      '$SYS/lattice/streams/b2',
      '$SYS/lattice/streams/b3',
    ]);
    expect(JSON.parse(told.get('$SYS/lattice/broker') ?? '')).not.toHaveProperty('links');
    told.clear();
    topics.tell(brokerHealth('b1', ['b2']));
    expect(told.get('$SYS/lattice/links/b3')).toBe('');
    told.clear();
    topics.tell(brokerHealth('b1', ['b2']));
    expect(told.has('$SYS/lattice/links/b3')).toBe(false);
  });

  it('can be read by those who may, at that broker alone: it never crosses a link', async () => {
    const hub = await startBroker({ id: 'hub', links: { listen: { port: 0 } } });
    const uplinks = [{ id: 'hub', host: '127.0.0.1', port: hub.broker.addresses.linkPort }];
    const leaf = await startBroker({ id: 'leaf', links: { uplinks } });
    const atHub = await connect(hub.port);
    await atHub.mqtt.subscribeAsync(['$SYS/#', 'mesh/v1/#'], { qos: 1 });
    const atLeaf = await connect(leaf.port);
    await atLeaf.mqtt.subscribeAsync('$SYS/lattice/#');
    const lastOf = (client: typeof atHub, topic: string): unknown =>
      JSON.parse(client.payloads(topic).at(-1) ?? 'null');
    await eventually(() => {
      expect(linkStateSchema.parse(lastOf(atHub, '$SYS/lattice/links/leaf'))).toMatchObject({ state: 'up' });
      expect(streamStateSchema.parse(lastOf(atHub, '$SYS/lattice/streams/leaf'))).toMatchObject({ path: ['leaf'] });
      expect(linkStateSchema.parse(lastOf(atLeaf, '$SYS/lattice/links/hub'))).toMatchObject({ state: 'up' });
    }, 12_000);
    // What came over the link shows that it carried something meanwhile.
    await eventually(() => expect(atHub.payloads('mesh/v1/home/leaf/health').length).toBeGreaterThan(0));
    const nodes = atHub.payloads('$SYS/lattice/broker').map((text) => (JSON.parse(text) as { node: string }).node);
    expect(new Set(nodes)).toEqual(new Set(['hub']));
    expect(atHub.payloads('$SYS/lattice/links/hub')).toEqual([]);
  }, 20_000);

  it('is none of the business of a device', async () => {
    const { port } = await startBroker();
    const device = await connect(port, credentials('device', 'd1'));
    await device.mqtt.subscribeAsync('$SYS/lattice/#').catch(() => {});
    const operator = await connect(port);
    await operator.mqtt.subscribeAsync('$SYS/lattice/broker');
    await eventually(() => expect(operator.received.length).toBeGreaterThan(0));
    expect(device.received).toEqual([]);
  });
});
