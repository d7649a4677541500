import { describe, expect, it } from 'vitest';
import { BROKERS_TOPIC, type BrokerList, brokerListSchema, brokerReplySchema } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { connect, credentials, startBroker, type TestBroker, type TestClient } from '../support/harness.ts';
import { startProcess } from '../support/process.ts';
import { newFolder } from '../support/store.ts';
import { type Device, meshParts, produceReadings, startFleet, tallyAt } from './mesh.ts';

const IDS = ['b1', 'b2', 'b3'];
const DEVICES = 30;
const SEED = 7;

const urlOf = (port: number): string => `mqtt://127.0.0.1:${port}`;
const countAt = (devices: readonly Device[], url: string): number =>
  devices.filter(({ broker }) => broker === url).length;

/** Resolves when the list that is served there has all brokers in it. */
async function listOfAll(port: number, count: number): Promise<TestClient> {
  const client = await connect(port, credentials('device', 'watcher'));
  await client.mqtt.subscribeAsync(BROKERS_TOPIC);
  await eventually(() => expect(lastList(client)).toHaveLength(count), 15_000);
  return client;
}

function lastList(client: TestClient): BrokerList {
  return brokerListSchema.parse(JSON.parse(client.payloads(BROKERS_TOPIC).at(-1) ?? '[]'));
}

async function command(client: TestClient, broker: string, method: string): Promise<unknown> {
  const replies = `mesh/v1/home/${broker}/reply`;
  const before = client.payloads(replies).length;
  await client.mqtt.subscribeAsync(replies);
  await client.mqtt.publishAsync(`mesh/v1/home/${broker}/cmd`, JSON.stringify({ id: 'x', method }), { qos: 1 });
  await eventually(() => expect(client.payloads(replies).length).toBeGreaterThan(before));
  return brokerReplySchema.parse(JSON.parse(client.payloads(replies).at(-1) as string));
}

describe('three brokers and thirty devices that stream', () => {
  it('spread the devices; one is drained: they go to the others, nothing is lost, and it lets them in again', async () => {
    const brokers: TestBroker[] = [];
    for (const parts of await meshParts(IDS)) brokers.push(await startBroker(parts));
    const [b1, b2, b3] = brokers as [TestBroker, TestBroker, TestBroker];
    const urls = brokers.map(({ port }) => urlOf(port));
    await listOfAll(b2.port, 3);
    const tally = await tallyAt(b3.port);
    // Each knows all of them, and none is its own: they spread by themselves.
    const devices = startFleet(SEED, DEVICES, urls);
    await eventually(() => expect(devices.every(({ broker }) => broker !== undefined)).toBe(true));
    for (const url of urls) {
      expect(countAt(devices, url), `seed ${SEED}`).toBeGreaterThanOrEqual(4);
      expect(countAt(devices, url), `seed ${SEED}`).toBeLessThanOrEqual(16);
    }
    const stop = produceReadings(devices, 50);
    await eventually(() => expect(tally().seqs.size).toBe(DEVICES));

    const operator = await connect(b1.port);
    const left = countAt(devices, urlOf(b1.port));
    expect(await command(operator, 'b1', 'drain')).toMatchObject({ isDraining: true, clientsLeft: left });
    // Of their own accord: the others are closed only after 5 s.
    await eventually(() => expect(countAt(devices, urlOf(b1.port))).toBe(0), 4_900);
    await eventually(() => expect(devices.every(({ broker }) => broker !== undefined)).toBe(true));
    expect(countAt(devices, urlOf(b2.port)) + countAt(devices, urlOf(b3.port))).toBe(DEVICES);
    expect(await command(operator, 'b1', 'drain')).toMatchObject({ isDraining: true, clientsLeft: 0 });
    // A refusal is logged, and the operator is let in all the same.
    await expect(connect(b1.port, credentials('device', 'late'))).rejects.toMatchObject({ code: 3 });
    expect(b1.codes()).toContain('BROKER_DRAINING');
    await connect(b1.port);

    const sentBefore = devices.reduce((sum, { sent }) => sum + sent, 0);
    await eventually(() => expect(devices.reduce((sum, { sent }) => sum + sent, 0)).toBeGreaterThan(sentBefore + 300));
    stop();
    await eventually(() => expect(devices.every(({ sent, acknowledged }) => sent === acknowledged)).toBe(true));
    await eventually(() => {
      const { seqs } = tally();
      // In order, since the links are faster than a device moves.
      for (const { id, sent } of devices) {
        expect(seqs.get(id)).toEqual(Array.from({ length: sent }, (_, index) => index + 1));
      }
    });
    // What was under way was awaited before they left, so nothing was sent twice.
    expect(tally().duplicates).toBe(0);
    for (const { id, brokers: visited } of devices) expect(visited.length, id).toBeLessThanOrEqual(2);

    expect(await command(operator, 'b1', 'undrain')).toMatchObject({ isDraining: false });
    await connect(b1.port, credentials('device', 'late'));
  }, 60_000);

  it('one is killed: its devices are elsewhere within seconds, and what it acknowledged comes when it is back', async () => {
    const parts = (await meshParts(IDS)) as [object, object, object];
    const folder = await newFolder();
    const killed = await startProcess(folder, { ...parts[0] });
    const b2 = await startBroker({ ...parts[1] });
    const b3 = await startBroker({ ...parts[2] });
    const ports = [killed.port, b2.port, b3.port];
    await listOfAll(b2.port, 3);
    const tally = await tallyAt(b3.port);
    // Only the one that will die is configured; they know the others from it.
    const devices = startFleet(SEED, DEVICES, [urlOf(killed.port)]);
    await eventually(() => expect(countAt(devices, urlOf(killed.port))).toBe(DEVICES));
    const stop = produceReadings(devices, 50);
    await eventually(() => expect(tally().seqs.size).toBe(DEVICES));

    await killed.end('SIGKILL');
    const killedMs = performance.now();
    await eventually(() => expect(countAt(devices, urlOf(b2.port)) + countAt(devices, urlOf(b3.port))).toBe(DEVICES));
    expect(performance.now() - killedMs).toBeLessThan(5_000);
    for (const { port } of [b2, b3]) expect(countAt(devices, urlOf(port)), `seed ${SEED}`).toBeGreaterThanOrEqual(6);

    stop();
    await eventually(() => expect(devices.every(({ sent, acknowledged }) => sent === acknowledged)).toBe(true));
    await startProcess(folder, { ...parts[0], listen: { port: ports[0] } });
    await eventually(() => {
      const { seqs } = tally();
      for (const { id, sent } of devices) {
        expect(new Set(seqs.get(id))).toEqual(new Set(Array.from({ length: sent }, (_, index) => index + 1)));
      }
    }, 20_000);
  }, 60_000);
});

describe('a broker that drains', () => {
  it('closes the connections of those that do not go by themselves', async () => {
    const { port, codes } = await startBroker();
    const stranger = await connect(port, credentials('device', 'stranger'));
    const operator = await connect(port);
    expect(await command(operator, 'b1', 'drain')).toMatchObject({ clientsLeft: 1 });
    await eventually(() => expect(stranger.mqtt.connected).toBe(false), 8_000);
    expect(await command(operator, 'b1', 'drain')).toMatchObject({ clientsLeft: 0 });
    expect(codes()).toContain('BROKER_DRAINING');
  }, 20_000);

  it('goes on draining after a restart, until that is undone', async () => {
    let { port, stop, dataDir } = await startBroker();
    const restart = async (): Promise<TestClient> => {
      await stop();
      ({ port, stop } = await startBroker({}, {}, dataDir));
      return connect(port);
    };
    expect(await command(await connect(port), 'b1', 'drain')).toMatchObject({ isDraining: true });
    const operator = await restart();
    await expect(connect(port, credentials('device', 'd1'))).rejects.toThrow();
    expect(await command(operator, 'b1', 'undrain')).toMatchObject({ isDraining: false });
    await restart();
    await connect(port, credentials('device', 'd1'));
  });

  it('obeys an operator at this broker alone', async () => {
    const [first, second] = (await meshParts(['b1', 'b2'])) as [object, object];
    const b1 = await startBroker({ ...first });
    const b2 = await startBroker({ ...second });
    await listOfAll(b2.port, 2);
    const gateway = await connect(b1.port, credentials('gateway', 'g1'));
    expect(await command(gateway, 'b1', 'drain')).toMatchObject({ code: 'COMMAND_INVALID' });
    const device = await connect(b1.port, credentials('device', 'b1'));
    await device.mqtt.publishAsync('mesh/v1/home/b1/cmd', '{"id":"x","method":"drain"}', { qos: 0 });
    const operator = await connect(b1.port);
    expect(await command(operator, 'b1', 'explode')).toMatchObject({ code: 'COMMAND_INVALID' });
    // The same at the neighbour: over the link it is a message like any other.
    const elsewhere = await connect(b2.port);
    const witness = await connect(b1.port);
    await witness.mqtt.subscribeAsync('mesh/v1/home/b1/cmd', { qos: 1 });
    await eventually(async () => {
      await elsewhere.mqtt.publishAsync('mesh/v1/home/b1/cmd', '{"id":"far","method":"drain"}', { qos: 1 });
      expect(witness.payloads('mesh/v1/home/b1/cmd').length).toBeGreaterThan(0);
    });
    expect(await command(operator, 'b1', 'undrain')).toMatchObject({ isDraining: false });
    expect(b1.codes()).not.toContain('BROKER_DRAINING');
    expect(gateway.mqtt.connected).toBe(true);
  }, 30_000);
});

it('the list comes on subscribing and on change, at most once a second, and says who serves it', async () => {
  const { port } = await startBroker();
  const client = await connect(port, credentials('gateway', 'g1'));
  await client.mqtt.subscribeAsync(BROKERS_TOPIC, { qos: 1 });
  await eventually(() => expect(client.received).toHaveLength(1));
  expect(client.received[0]).toMatchObject({ retain: true, qos: 0 });
  const [entry] = lastList(client);
  expect(entry).toMatchObject({ id: 'b1', urls: [urlOf(port)], isDraining: false, isSelf: true });
  const operator = await connect(port);
  const startMs = performance.now();
  for (const method of ['drain', 'undrain', 'drain']) await command(operator, 'b1', method);
  await eventually(() => expect(lastList(client)[0]).toMatchObject({ isDraining: true, weight: 0 }));
  const seconds = (performance.now() - startMs) / 1_000;
  expect(client.received.length).toBeLessThanOrEqual(2 + Math.ceil(seconds));
});
