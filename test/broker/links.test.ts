import { describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { connect, startBroker, type TestBroker } from './support/harness.ts';

async function startPair(dataDirs: { a?: string; b?: string } = {}): Promise<{ a: TestBroker; b: TestBroker }> {
  const linkPort = await freePort();
  const b = await startBroker(
    { id: 'b', links: { listen: { port: linkPort }, peers: [{ id: 'a', host: '127.0.0.1', port: linkPort + 1 }] } },
    {},
    dataDirs.b,
  );
  const links = { peers: [{ id: 'b', host: '127.0.0.1', port: linkPort }] };
  const a = await startBroker({ id: 'a', links }, {}, dataDirs.a);
  return { a, b };
}

describe('two brokers', () => {
  it('exchange what the clients of the other want, each message once, and retained messages', async () => {
    const { a, b } = await startPair();
    const atA = await connect(a.port);
    const atB = await connect(b.port);
    await atA.mqtt.subscribeAsync('mesh/v1/home/+/state', { qos: 1 });
    await atB.mqtt.subscribeAsync('mesh/v1/home/+/state', { qos: 1 });
    await atA.mqtt.subscribeAsync('mesh/v1/home/+/meta', { qos: 1 });
    for (let number = 0; number < 20; number++) {
      await atA.mqtt.publishAsync('mesh/v1/home/d1/state', `a${number}`, { qos: 1 });
      await atB.mqtt.publishAsync('mesh/v1/home/d2/state', `b${number}`, { qos: 1 });
    }
    await atB.mqtt.publishAsync('mesh/v1/home/d2/meta', 'retained at b', { qos: 1, retain: true });
    const numbers = Array.from({ length: 20 }, (_, index) => index);
    for (const client of [atA, atB]) {
      await eventually(() => {
        expect(client.payloads('mesh/v1/home/d1/state')).toEqual(numbers.map((number) => `a${number}`));
        expect(client.payloads('mesh/v1/home/d2/state')).toEqual(numbers.map((number) => `b${number}`));
      });
    }
    await eventually(() => expect(atA.payloads('mesh/v1/home/d2/meta')).toEqual(['retained at b']));
    const late = await connect(a.port);
    await late.mqtt.subscribeAsync('mesh/v1/home/d2/meta', { qos: 1 });
    await eventually(() => expect(late.received).toMatchObject([{ payload: 'retained at b', retain: true }]));
  });

  it('lose nothing while one of them is away', async () => {
    const { a, b } = await startPair();
    const kept = await connect(b.port, { clientId: 'kept', clean: false });
    await kept.mqtt.subscribeAsync('mesh/v1/#', { qos: 1 });
    const atA = await connect(a.port);
    await atA.mqtt.publishAsync('mesh/v1/home/d1/state', 'first', { qos: 1 });
    await eventually(() => expect(kept.payloads('mesh/v1/home/d1/state')).toEqual(['first']));
    const linkPort = b.broker.addresses.linkPort as number;
    await b.stop();
    for (let number = 0; number < 50; number++) {
      await atA.mqtt.publishAsync('mesh/v1/home/d1/state', String(number), { qos: 1 });
    }
    const links = { listen: { port: linkPort }, peers: [{ id: 'a', host: '127.0.0.1', port: linkPort + 1 }] };
    const again = await startBroker({ id: 'b', links }, {}, b.dataDir);
    const back = await connect(again.port, { clientId: 'kept', clean: false });
    const numbers = Array.from({ length: 50 }, (_, index) => String(index));
    await eventually(() => expect(back.payloads('mesh/v1/home/d1/state')).toEqual(numbers), 15_000);
  }, 30_000);
});
