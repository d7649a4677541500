import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { BridgeState } from '../../../broker/index.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { describeWithPeers } from '../../support/peers.ts';
import { connect, startBroker, type TestBroker } from '../support/harness.ts';
import { startProcess } from '../support/process.ts';
import { newFolder } from '../support/store.ts';
import { Mosquitto } from './mosquitto.ts';

const BOTH = { direction: 'both', filter: 'mesh/v1/#' } as const;
const TOPIC = 'mesh/v1/home/d1/state';
const KEPT = { clean: false, reconnectPeriod: 50 } as const;
const COUNT = 2_000;

/** How the bridge may speak to Mosquitto. */
const DIALECTS = [
  { name: 'MQTT 5', options: { protocolVersion: 5 } },
  { name: 'MQTT 3.1.1 with the bridge bit', options: { protocolVersion: 4 } },
  { name: 'MQTT 3.1.1', options: { protocolVersion: 4, bridgeBit: false } },
] as const;

function bridgeTo({ url }: { url: string }, parts: Record<string, unknown> = {}): Record<string, unknown> {
  return { bridges: [{ id: 'm', url, routes: [BOTH], ...parts }] };
}

function stateOf({ broker }: TestBroker): BridgeState {
  const [state] = broker.bridges();
  if (state === undefined) throw new Error('there is no bridge');
  return state;
}

async function up(broker: TestBroker): Promise<void> {
  await eventually(() => expect(stateOf(broker).state).toBe('up'));
}

const NUMBERS = Array.from({ length: COUNT }, (_, index) => String(index));

function missing(payloads: readonly string[]): string[] {
  const seen = new Set(payloads);
  return NUMBERS.filter((number) => !seen.has(number));
}

describeWithPeers('a bridge to Mosquitto', ['mosquitto'], () => {
  it.each(DIALECTS)('carries messages both ways, once each, with their QoS: $name', async ({ options }) => {
    const mosquitto = await Mosquitto.start();
    const ours = await startBroker(bridgeTo(mosquitto, options));
    await up(ours);
    const here = await connect(ours.port);
    const there = await connect(mosquitto.port);
    await here.mqtt.subscribeAsync('mesh/v1/#', { qos: 1 });
    await there.mqtt.subscribeAsync('mesh/v1/#', { qos: 1 });
    for (const qos of [0, 1, 2] as const) {
      await here.mqtt.publishAsync(TOPIC, `from here ${qos}`, { qos });
      await there.mqtt.publishAsync(TOPIC, `from there ${qos}`, { qos });
    }
    const marks = ['from here 0', 'from here 1', 'from here 2', 'from there 0', 'from there 1', 'from there 2'];
    const qosOf = (text: string): number => Math.min(1, Number(text.at(-1)));
    for (const client of [here, there]) {
      await eventually(() => expect(client.payloads(TOPIC).toSorted()).toEqual(marks));
      expect(client.received.filter((each) => each.topic === TOPIC).map(({ payload, qos }) => [payload, qos])).toEqual(
        client.payloads(TOPIC).map((payload) => [payload, qosOf(payload)]),
      );
    }
    // What could still come back would have come by the time that these have gone round.
    await there.mqtt.publishAsync(TOPIC, 'end', { qos: 1 });
    await here.mqtt.publishAsync(TOPIC, 'end here', { qos: 1 });
    for (const client of [here, there]) {
      await eventually(() => expect(client.payloads(TOPIC)).toContain('end'));
      await eventually(() => expect(client.payloads(TOPIC)).toContain('end here'));
      expect(client.payloads(TOPIC)).toHaveLength(marks.length + 2);
    }
    expect(stateOf(ours)).toMatchObject({ state: 'up', received: 4, dropped: { queue: 0, refused: 0, invalid: 0 } });
  });

  it('maps topics by their prefixes, and lets only those of a route cross', async () => {
    const mosquitto = await Mosquitto.start();
    const routes = [
      { direction: 'out', filter: '+/state', localPrefix: 'mesh/v1/home/', remotePrefix: 'cloud/house 7/' },
      { direction: 'in', filter: 'set/#', localPrefix: 'mesh/v1/home/d1/', remotePrefix: 'cloud/house 7/' },
    ];
    const ours = await startBroker(bridgeTo(mosquitto, { routes }));
    await up(ours);
    const here = await connect(ours.port);
    const there = await connect(mosquitto.port);
    await here.mqtt.subscribeAsync(['mesh/v1/#', '$SYS/#'], { qos: 1 });
    await there.mqtt.subscribeAsync('#', { qos: 1 });
    await here.mqtt.publishAsync('mesh/v1/home/d1/meta', 'stays', { qos: 1 });
    await here.mqtt.publishAsync(TOPIC, 'out', { qos: 1 });
    await there.mqtt.publishAsync('cloud/house 8/set/x', 'stays', { qos: 1 });
    await there.mqtt.publishAsync('cloud/house 7/set/x', 'in', { qos: 1 });
    const strange = (topic: string): boolean => !topic.startsWith('mesh/v1/home/b1/') && !topic.startsWith('$SYS');
    await eventually(() => expect(there.payloads('cloud/house 7/d1/state')).toEqual(['out']));
    await eventually(() => expect(here.payloads('mesh/v1/home/d1/set/x')).toEqual(['in']));
    expect(there.received.map(({ topic }) => topic).toSorted()).toEqual([
      'cloud/house 7/d1/state',
      'cloud/house 7/set/x',
      'cloud/house 8/set/x',
    ]);
    expect(here.received.map(({ topic }) => topic).filter(strange)).not.toContain('cloud/house 8/set/x');
  });

  it.each(DIALECTS.slice(0, 2))(
    'keeps the retain flag in both directions, deletions too: $name',
    async ({ options }) => {
      const mosquitto = await Mosquitto.start();
      const before = await connect(mosquitto.port);
      await before.mqtt.publishAsync('mesh/v1/home/d9/meta', 'theirs', { qos: 1, retain: true });
      const folder = await newFolder();
      const alone = await startBroker({}, {}, folder);
      const early = await connect(alone.port);
      await early.mqtt.publishAsync('mesh/v1/home/d7/meta', 'ours at QoS 0', { qos: 0, retain: true });
      await early.mqtt.publishAsync('mesh/v1/home/d8/meta', 'ours', { qos: 1, retain: true });
      await alone.stop();

      const ours = await startBroker(bridgeTo(mosquitto, options), {}, folder);
      await up(ours);
      const here = await connect(ours.port);
      await here.mqtt.publishAsync('mesh/v1/home/d6/meta', 'live', { qos: 1, retain: true });
      await before.mqtt.publishAsync('mesh/v1/home/d5/meta', 'live there', { qos: 1, retain: true });
      const wanted = ['live', 'live there', 'ours', 'ours at QoS 0', 'theirs'];
      const retainedAt = async (port: number): Promise<string[]> => {
        const reader = await connect(port);
        await reader.mqtt.subscribeAsync('mesh/v1/home/+/meta', { qos: 1 });
        await reader.mqtt.publishAsync(TOPIC, 'x', { qos: 1 });
        const found = reader.received.filter(({ retain }) => retain).map(({ payload }) => payload);
        await reader.mqtt.endAsync();
        return found.toSorted();
      };
      for (const port of [ours.port, mosquitto.port]) {
        await eventually(async () => expect(await retainedAt(port)).toEqual(wanted));
      }
      await here.mqtt.publishAsync('mesh/v1/home/d9/meta', '', { qos: 1, retain: true });
      await before.mqtt.publishAsync('mesh/v1/home/d8/meta', '', { qos: 1, retain: true });
      for (const port of [ours.port, mosquitto.port]) {
        await eventually(async () => expect(await retainedAt(port)).toEqual(['live', 'live there', 'ours at QoS 0']));
      }
    },
  );

  it('loses none of 2,000 messages of QoS 1 in either direction while Mosquitto restarts', async () => {
    const mosquitto = await Mosquitto.start();
    const ours = await startBroker(bridgeTo(mosquitto));
    await up(ours);
    const here = await connect(ours.port);
    const there = await connect(mosquitto.port, { ...KEPT, clientId: 'there' });
    await here.mqtt.subscribeAsync('mesh/v1/home/in/state', { qos: 1 });
    await there.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const publishing = NUMBERS.map((number) => here.mqtt.publishAsync(TOPIC, number, { qos: 1 }));
    const back = NUMBERS.map((number) => there.mqtt.publishAsync('mesh/v1/home/in/state', number, { qos: 1 }));
    await eventually(() => expect(there.received.length).toBeGreaterThan(COUNT / 10));
    await mosquitto.stop();
    await eventually(() => expect(stateOf(ours)).toMatchObject({ state: 'down' }));
    await Promise.all(publishing);
    await mosquitto.run();
    await Promise.all(back);
    await eventually(() => expect(missing(there.payloads(TOPIC))).toEqual([]), 20_000);
    await eventually(() => expect(missing(here.payloads('mesh/v1/home/in/state'))).toEqual([]), 20_000);
    await eventually(() => expect(stateOf(ours)).toMatchObject({ state: 'up', queued: 0 }));
    // Each line of the log is a change.
    const told = ours.log.filter(({ code }) => code === 'BRIDGE_DOWN').map((line) => line['reason']);
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter((reason, at) => reason === told[at - 1])).toEqual([]);
  }, 40_000);

  it('loses none of 2,000 messages of QoS 1 in either direction when this broker is killed', async () => {
    const mosquitto = await Mosquitto.start();
    const folder = await newFolder();
    let ours = await startProcess(folder, bridgeTo(mosquitto));
    const there = await connect(mosquitto.port);
    await there.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const here = await connect(ours.port, { ...KEPT, clientId: 'here', reconnectPeriod: 0 });
    await here.mqtt.subscribeAsync('mesh/v1/home/in/state', { qos: 1 });
    const acknowledged: string[] = [];
    for (const number of NUMBERS) {
      here.mqtt.publish(TOPIC, number, { qos: 1 }, (error) => {
        if (!error) acknowledged.push(number);
      });
    }
    const back = NUMBERS.map((number) => there.mqtt.publishAsync('mesh/v1/home/in/state', number, { qos: 1 }));
    await eventually(() => expect(there.received.length).toBeGreaterThan(COUNT / 20));
    await ours.end('SIGKILL');
    await Promise.all(back);
    const wanted = acknowledged.length;
    expect(wanted).toBeGreaterThan(COUNT / 20);

    ours = await startProcess(folder, bridgeTo(mosquitto));
    const again = await connect(ours.port, { ...KEPT, clientId: 'here' });
    expect(again.sessionPresent).toBe(true);
    await eventually(() => {
      const seen = new Set(there.payloads(TOPIC));
      expect(acknowledged.filter((number) => !seen.has(number))).toEqual([]);
    }, 20_000);
    await eventually(() => {
      const came = [...here.payloads('mesh/v1/home/in/state'), ...again.payloads('mesh/v1/home/in/state')];
      expect(missing(came)).toEqual([]);
    }, 20_000);
  }, 40_000);

  it('says clearly that the password is wrong, once, and never the password; takes a new one from its file', async () => {
    const folder = await newFolder();
    const passwords = join(folder, 'passwords');
    spawnSync('mosquitto_passwd', ['-b', '-c', passwords, 'lattice', 'the right one']);
    const mosquitto = await Mosquitto.start([`password_file ${passwords}`]);
    const passwordFile = join(folder, 'secret');
    await writeFile(passwordFile, 'the wrong one\n');
    const ours = await startBroker(bridgeTo(mosquitto, { username: 'lattice', passwordFile }));
    await eventually(() => expect(stateOf(ours).state).toBe('refused'));
    expect(stateOf(ours).reason).toContain('does not accept the user name "lattice" with this password');
    await writeFile(passwordFile, 'the right one\n');
    await up(ours);
    expect(stateOf(ours).reason).toBeUndefined();
    expect(ours.codes().filter((code) => code?.startsWith('BRIDGE_'))).toEqual(['BRIDGE_REFUSED']);
    expect(JSON.stringify(ours.log)).not.toMatch(/the (right|wrong) one/);
  });

  it('keeps its clients served, sheds QoS 0 and drops at the bound while the other broker is away, and counts', async () => {
    const parts = { queueMessagesMax: 10 };
    const port = await freePort();
    const ours = await startBroker(bridgeTo({ url: `mqtt://127.0.0.1:${port}` }, parts));
    await eventually(() => expect(stateOf(ours).state).toBe('down'));
    const here = await connect(ours.port);
    for (let number = 0; number < 15; number++) await here.mqtt.publishAsync(TOPIC, String(number), { qos: 1 });
    await here.mqtt.publishAsync(TOPIC, 'QoS 0', { qos: 0 });
    await eventually(() => expect(stateOf(ours)).toMatchObject({ queued: 10, dropped: { queue: 5 } }));
    await eventually(() => expect(stateOf(ours).dropped.down).toBeGreaterThan(0));
    expect(ours.codes()).toContain('SESSION_QUEUE_FULL');
  });

  it('brings what waited across a restart of this broker, with its retain flag and in order', async () => {
    const port = await freePort();
    const folder = await newFolder();
    const away = bridgeTo({ url: `mqtt://127.0.0.1:${port}` });
    const before = await startBroker(away, {}, folder);
    const early = await connect(before.port);
    for (const number of ['1', '2', '3']) await early.mqtt.publishAsync(TOPIC, number, { qos: 1 });
    await early.mqtt.publishAsync('mesh/v1/home/d1/meta', 'kept', { qos: 1, retain: true });
    await before.stop();
    const mosquitto = await Mosquitto.start();
    const there = await connect(mosquitto.port);
    await there.mqtt.subscribeAsync(TOPIC, { qos: 1 });
    const ours = await startBroker(bridgeTo(mosquitto), {}, folder);
    await eventually(() => expect(there.payloads(TOPIC)).toEqual(['1', '2', '3']));
    await eventually(() => expect(stateOf(ours).queued).toBe(0));
    await there.mqtt.subscribeAsync('mesh/v1/home/+/meta', { qos: 1 });
    await eventually(() => expect(there.received.at(-1)).toMatchObject({ payload: 'kept', retain: true }));
  });

  it('speaks TLS, and does not connect to a broker whose certificate nobody signed that it knows', async () => {
    const folder = await newFolder();
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const request = [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '1',
    ];
    const name = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'];
    spawnSync('openssl', [...request, ...name, '-keyout', keyFile, '-out', certFile]);
    const mosquitto = await Mosquitto.start(['allow_anonymous true', `certfile ${certFile}`, `keyfile ${keyFile}`]);
    const url = mosquitto.url.replace('mqtt:', 'mqtts:');
    const strange = await startBroker(bridgeTo({ url }));
    await eventually(() => expect(stateOf(strange)).toMatchObject({ state: 'down' }));
    expect(stateOf(strange).reason).toContain('self-signed certificate');
    const ours = await startBroker(bridgeTo({ url }, { tls: { caFile: certFile } }));
    await up(ours);
  });
});
