import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { connect, OPERATOR, startBroker, type TestBroker } from '../support/harness.ts';
import { newFolder } from '../support/store.ts';

const TOPIC = 'mesh/v1/home/d1/state';

/** The other broker is one of ours, which speaks MQTT 3.1.1 only and lets its operator see the mesh only. */
async function bridged(other: TestBroker, parts: Record<string, unknown>, dataDir?: string): Promise<TestBroker> {
  const url = `mqtt://127.0.0.1:${other.port}`;
  const route = { direction: 'both', filter: 'mesh/v1/home/+/state' };
  const bridge = { id: 'x', url, ...OPERATOR, protocolVersion: 4, bridgeBit: false, routes: [route], ...parts };
  return startBroker({ id: 'b2', siteKey: 'the key of another mesh', bridges: [bridge] }, {}, dataDir);
}

describe('a bridge to a broker that does not give it everything', () => {
  it('says that MQTT 5 is not spoken there, and what to do', async () => {
    const ours = await bridged(await startBroker(), { protocolVersion: 5 });
    await eventually(() => expect(ours.broker.bridges()[0]).toMatchObject({ state: 'refused' }));
    expect(ours.broker.bridges()[0]?.reason).toContain('does not speak MQTT 5; set protocolVersion: 4');
    expect(ours.codes()).toContain('BRIDGE_REFUSED');
  });

  it('says which subscriptions it was refused, and works with the others', async () => {
    const other = await startBroker();
    const routes = [
      { direction: 'in', filter: 'secret/#' },
      { direction: 'both', filter: 'mesh/v1/home/+/state' },
    ];
    const ours = await bridged(other, { routes });
    await eventually(() => expect(ours.broker.bridges()[0]).toMatchObject({ state: 'up' }));
    await eventually(() => expect(ours.broker.bridges()[0]?.reason).toMatch(/subscribe to secret\/#\.$/));
    const here = await connect(ours.port);
    await here.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const there = await connect(other.port);
    await there.mqtt.publishAsync(TOPIC, 'over', { qos: 1 });
    await eventually(() => expect(here.payloads(TOPIC)).toEqual(['over']));
  });

  it('cannot be taken over by a client that calls itself like its session', async () => {
    const ours = await bridged(await startBroker(), {});
    await expect(connect(ours.port, { clientId: '$bridge/x', clean: false })).rejects.toThrow();
    await expect(connect(ours.port, { clientId: '$bridge/x', clean: true })).rejects.toThrow();
  });

  it('ends with its session when it is configured no more', async () => {
    const folder = await newFolder();
    const other = await startBroker();
    const ours = await bridged(other, {}, folder);
    await other.stop();
    const here = await connect(ours.port);
    await here.mqtt.publishAsync(TOPIC, 'waits', { qos: 1 });
    await eventually(() => expect(ours.broker.bridges()[0]?.queued).toBe(1));
    await ours.stop();
    const without = await startBroker({ id: 'b2' }, {}, folder);
    const after = await connect(without.port);
    await after.mqtt.subscribeAsync('mesh/v1/home/b2/health', { qos: 1 });
    await eventually(() => expect(after.received).not.toHaveLength(0));
    expect(JSON.parse(after.received.at(-1)?.payload ?? '')).toMatchObject({ sessions: 0, queued: 0 });
  });
});
