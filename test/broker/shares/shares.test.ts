import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { connect, credentials, startBroker, type TestClient } from '../support/harness.ts';

const TOPIC = 'mesh/v1/home/d1/state';
const FILTER = 'mesh/v1/home/+/state';
const SHARED = `$share/g/${FILTER}`;

const numbers = (count: number): string[] => Array.from({ length: count }, (_, each) => `${each}`);

async function publishAll(client: TestClient, payloads: string[], qos: 0 | 1 | 2 = 1): Promise<void> {
  await Promise.all(payloads.map((payload) => client.mqtt.publishAsync(TOPIC, payload, { qos })));
}

function all(members: TestClient[]): string[] {
  return members.flatMap((member) => member.payloads()).sort((a, b) => Number(a) - Number(b));
}

/** A member that reads what it is sent and never acknowledges. */
function mute(client: TestClient): void {
  client.mqtt.handleMessage = () => {};
}

describe('a shared subscription', () => {
  it.each([0, 1, 2] as const)('brings each message of QoS %i to one member, in about equal shares', async (qos) => {
    const { port } = await startBroker();
    const members = [await connect(port), await connect(port), await connect(port, { clientId: 'kept', clean: false })];
    for (const { mqtt } of members) await mqtt.subscribeAsync(SHARED, { qos });
    const plain = await connect(port);
    await plain.mqtt.subscribeAsync(FILTER, { qos });
    const publisher = await connect(port);
    await publishAll(publisher, numbers(300), qos);
    await eventually(() => expect(all(members)).toEqual(numbers(300)));
    await eventually(() => expect(all([plain])).toEqual(numbers(300)));
    for (const member of members) expect(Math.abs(member.received.length - 100)).toBeLessThan(40);
  });

  it('serves each group by itself, and nobody once the last member has gone', async () => {
    const { port } = await startBroker();
    const [one, other] = [await connect(port), await connect(port)];
    await one.mqtt.subscribeAsync([SHARED, `$share/h/${FILTER}`], { qos: 1 });
    await other.mqtt.subscribeAsync(`$share/h/${FILTER}`, { qos: 1 });
    const publisher = await connect(port);
    await publishAll(publisher, numbers(100));
    await eventually(() => expect(one.received.length + other.received.length).toBe(200));
    expect(one.received.length).toBeGreaterThan(110);
    expect(other.received.length).toBeGreaterThan(20);
    await one.mqtt.unsubscribeAsync([SHARED, `$share/h/${FILTER}`]);
    await other.mqtt.endAsync();
    const before = one.received.length;
    await one.mqtt.subscribeAsync(FILTER);
    await publishAll(publisher, ['last']);
    await eventually(() => expect(one.payloads().at(-1)).toBe('last'));
    expect(one.received.length).toBe(before + 1);
  });

  it.each([true, false])(
    'gives what a member had not acknowledged to the others when it dies (clean %s)',
    async (clean) => {
      const { port } = await startBroker();
      const dying = await connect(port, { clientId: 'dying', clean });
      mute(dying);
      await dying.mqtt.subscribeAsync(SHARED, { qos: 1 });
      const others = [await connect(port), await connect(port)];
      for (const { mqtt } of others) await mqtt.subscribeAsync(SHARED, { qos: 1 });
      const plain = await connect(port);
      await plain.mqtt.subscribeAsync(FILTER, { qos: 1 });
      const publisher = await connect(port);
      await publishAll(publisher, numbers(200));
      expect(all(others).length).toBeLessThan(200);
      dying.mqtt.stream.destroy();
      await publishAll(publisher, ['200']);
      await eventually(() => expect(all(others)).toEqual(numbers(201)));
      await eventually(() => expect(all([plain])).toEqual(numbers(201)));
    },
  );

  it('keeps messages for members who are away while nobody else is there, across a restart', async () => {
    const { port, stop, dataDir } = await startBroker();
    const options = { clientId: 'away', clean: false };
    const member = await connect(port, options);
    await member.mqtt.subscribeAsync(SHARED, { qos: 1 });
    await member.mqtt.endAsync();
    const publisher = await connect(port);
    await publishAll(publisher, numbers(20));
    await stop();
    const again = await startBroker({}, {}, dataDir);
    const back = await connect(again.port, options);
    await eventually(() => expect(all([back])).toEqual(numbers(20)));
  });

  it('does not give a QoS 2 message that may have arrived to another member', async () => {
    const { port } = await startBroker();
    const dying = await connect(port, { clientId: 'dying', clean: false });
    mute(dying);
    await dying.mqtt.subscribeAsync(SHARED, { qos: 2 });
    const publisher = await connect(port);
    await publishAll(publisher, ['0'], 2);
    await eventually(() => expect(dying.payloads()).toEqual(['0']));
    const other = await connect(port);
    await other.mqtt.subscribeAsync(SHARED, { qos: 2 });
    dying.mqtt.stream.destroy();
    await publishAll(publisher, ['1'], 2);
    await eventually(() => expect(all([other])).toEqual(['1']));
  });

  it('gets no retained messages when it begins, and those that are published later', async () => {
    const { port } = await startBroker();
    const publisher = await connect(port);
    await publisher.mqtt.publishAsync(TOPIC, 'before', { qos: 1, retain: true });
    const member = await connect(port);
    await member.mqtt.subscribeAsync(SHARED, { qos: 1 });
    await publisher.mqtt.publishAsync(TOPIC, 'after', { qos: 1, retain: true });
    await eventually(() => expect(member.payloads()).toEqual(['after']));
  });

  it('is refused when it is malformed, reserved, or its filter is not allowed', async () => {
    const { port } = await startBroker();
    const client = await connect(port);
    const refused = [
      '$share/g',
      '$share//a',
      '$share/g/',
      `$share/~g/${FILTER}`,
      '$share/g/$SYS/#',
      '$share/g/secret/#',
    ];
    for (const filter of refused) {
      await expect(client.mqtt.subscribeAsync(filter), filter).rejects.toThrow();
    }
    await client.mqtt.subscribeAsync(SHARED);
    const device = await connect(port, credentials('device', 'd1'));
    await expect(device.mqtt.subscribeAsync(SHARED)).rejects.toThrow();
    await device.mqtt.subscribeAsync('$share/g/mesh/v1/home/d1/#');
  });
});
