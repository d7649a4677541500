import { describe, expect, it } from 'vitest';
import { DeviceLink } from '../../../core/device-link/index.ts';
import { derivedPassword } from '../../../core/identity/index.ts';
import { MqttTime } from '../../../core/mesh-clock/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { meshTopic, shardOf, shardTopic } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttTimeServer } from '../../support/mqtt-time-server.ts';
import { cleanup, connect, credentials, SITE, SITE_KEY, startBroker, startChain } from '../support/harness.ts';

const DEVICE = 'pi';
const MESH_MS = 1_000_000_000_000;
const urlOf = ({ port }: { port: number }): string => `mqtt://127.0.0.1:${port}`;

describe('a device that asks for the time', () => {
  it.each([
    ['at the broker of its gateway', 0],
    ['across a link', 1],
  ])('%s is answered through the shard of its name, and hears nothing but its own', async (_, broker) => {
    const brokers = await startChain(2);
    const server = await MqttTimeServer.start(
      urlOf(brokers[0]!),
      (monotonicMs) => ({ ms: MESH_MS + monotonicMs, uncertaintyMs: 0.5, kind: 'relative' }),
      {
        ...credentials('gateway', 'gateway-1'),
        filter: shardTopic(shardOf(SITE, DEVICE), 'mesh/v1/#'),
      },
    );
    cleanup(() => server.stop());
    const time: MqttTime = new MqttTime({
      ...{ clock: systemClock, random: seededRandom(1), servers: [DEVICE] },
      publish: (_device, payload) => link.publish('time', payload, { qos: 0 }),
    });
    const link = new DeviceLink({
      ...{ site: SITE, device: DEVICE, brokers: [urlOf(brokers[broker]!)] },
      meta: { name: DEVICE, manufacturer: 'm', model: 'm', source: 'sensor' },
      ...{ username: DEVICE, password: derivedPassword(SITE_KEY, 'device', DEVICE) },
      ...{ hears: ['now'], clock: systemClock, random: seededRandom(2) },
      events: {
        up: () => time.clock.start(),
        down: () => {},
        refused: () => {},
        heard: (_kind, payload) => time.heard(payload),
      },
    });
    cleanup(() => link.stop());
    cleanup(() => time.clock.stop());
    link.start();
    await eventually(() => expect(time.clock.isSynchronised).toBe(true));
    const { ms, uncertaintyMs } = time.clock.now();
    expect(Math.abs(ms - MESH_MS - systemClock.monotonicMs())).toBeLessThan(uncertaintyMs + 1);
    expect(time.clock.counts).toMatchObject({ malformed: 0, unasked: 0, replayed: 0, impossible: 0 });
  });

  it('is told nothing by another device', async () => {
    const { port, codes } = await startBroker();
    const topic = meshTopic(SITE, DEVICE, 'now');
    const victim = await connect(port, credentials('device', DEVICE));
    await victim.mqtt.subscribeAsync(topic);
    const liar = await connect(port, credentials('device', 'liar'));
    liar.mqtt.publish(topic, 'a lie', { qos: 1 });
    await eventually(() => expect(codes()).toContain('TOPIC_FORBIDDEN'));
    const gateway = await connect(port, credentials('gateway', 'gateway-1'));
    await gateway.mqtt.publishAsync(topic, 'an answer');
    await eventually(() => expect(victim.payloads()).toEqual(['an answer']));
  });
});
