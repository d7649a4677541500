import { execFile } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { promisify } from 'node:util';
import mqtt from 'mqtt';
import { expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { brokerConfigSchema } from '../../broker/index.ts';
import { brokerHealthSchema } from '../../core/wire/index.ts';
import { eventually } from '../support/eventually.ts';
import { describeWithPeers } from '../support/peers.ts';
import { cleanup, connect, itOfOneBroker, OPERATOR, startBroker, testConfig } from './support/harness.ts';
import { startProcess } from './support/process.ts';
import { newFolder } from './support/store.ts';

const run = promisify(execFile);

it('speaks MQTT over WebSocket, subprotocol mqtt only', async () => {
  const { broker, port } = await startBroker({ listen: { port: 0, wsPort: 0 } });
  const url = `ws://127.0.0.1:${broker.addresses.wsPort}`;
  const browser = await mqtt.connectAsync(url, { ...OPERATOR, reconnectPeriod: 0 });
  cleanup(() => browser.endAsync(true));
  const got = new Promise<string>((resolve) =>
    browser.once('message', (_topic, payload) => resolve(payload.toString())),
  );
  await browser.subscribeAsync('mesh/v1/home/d1/state', { qos: 1 });
  const publisher = await connect(port);
  await publisher.mqtt.publishAsync('mesh/v1/home/d1/state', 'over the web', { qos: 1 });
  expect(await got).toBe('over the web');
  for (const protocols of [['chat'], []]) {
    const other = new WebSocket(url, protocols);
    const [error] = (await once(other, 'error')) as [Error];
    expect(error.message).toContain('400');
  }
});

it('closes a WebSocket that sends an invalid frame, and nothing else', async () => {
  const { broker, port } = await startBroker({ listen: { port: 0, wsPort: 0 } });
  for (const protocol of ['', 'Sec-WebSocket-Protocol: mqtt\r\n']) {
    const socket = net.connect(broker.addresses.wsPort as number, '127.0.0.1');
    cleanup(() => socket.destroy());
    const closed = once(socket, 'close');
    socket.write(
      `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n${protocol}Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
    await once(socket, 'data');
    socket.write(Buffer.from([0xff, 0xff]));
    await closed;
  }
  await connect(port);
});

it('stops at once, whatever sockets are open', async () => {
  const { broker, port, stop } = await startBroker({ listen: { port: 0, wsPort: 0 } });
  for (const each of [port, broker.addresses.wsPort as number]) {
    const silent = net.connect(each, '127.0.0.1');
    cleanup(() => silent.destroy());
    silent.on('error', () => {});
    await once(silent, 'connect');
  }
  // An answered CONNECT shows that the sockets before it were accepted too.
  await connect(port);
  const begunMs = performance.now();
  await stop();
  expect(performance.now() - begunMs).toBeLessThan(2_000);
});

it('names a port that is taken', async () => {
  const { port } = await startBroker();
  for (const listen of [{ port }, { port: 0, wsPort: port }]) {
    await expect(startBroker({ listen })).rejects.toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(port)),
    });
  }
});

it('refuses a second process on the same folder', async () => {
  const folder = await newFolder();
  await startProcess(folder);
  await expect(startProcess(folder)).rejects.toThrow('DATA_LOCKED');
});

it('reports every fault of a configuration, with its path', async () => {
  const faulty = {
    ...(await testConfig('/tmp/x')),
    id: 'a/b',
    siteKey: 'short',
    limits: { packetBytesMax: -1, typo: 1 },
  };
  const { error } = brokerConfigSchema.safeParse(faulty);
  expect(error?.issues.map((issue) => issue.path.join('.')).sort()).toEqual([
    'id',
    'limits',
    'limits.packetBytesMax',
    'siteKey',
  ]);
});

itOfOneBroker(
  'publishes its health, retained, with true figures',
  async () => {
    const { port } = await startBroker();
    const publisher = await connect(port);
    await publisher.mqtt.publishAsync('mesh/v1/home/d1/state', 'x', { qos: 1 });
    const reader = await connect(port);
    await reader.mqtt.subscribeAsync('mesh/v1/home/b1/health');
    await eventually(() => expect(reader.received).toHaveLength(1));
    expect(reader.received[0]?.retain).toBe(true);
    await eventually(() => expect(reader.received).toHaveLength(2), 8_000);
    const health = brokerHealthSchema.parse(JSON.parse(reader.payloads()[1] as string));
    expect(health).toMatchObject({ node: 'b1', connections: 2, publishedTotal: 1, sessions: 0, subscriptions: 1 });
    expect(health.commitP99Ms).toBeGreaterThan(0);
    expect(health.journalBytes).toBeGreaterThan(0);
  },
  15_000,
);

describeWithPeers('with the clients of Mosquitto', ['mosquitto_pub', 'mosquitto_sub'], () => {
  it('delivers each QoS, and what waited for a kept session', async () => {
    const { port } = await startBroker();
    const account = ['-h', '127.0.0.1', '-p', String(port), '-u', OPERATOR.username, '-P', OPERATOR.password];
    const kept = [...account, '-i', 'kept', '-c', '-q', '2', '-t', 'mesh/v1/home/+/state'];
    await run('mosquitto_sub', [...kept, '-E']);
    for (const qos of ['1', '2']) {
      await run('mosquitto_pub', [...account, '-q', qos, '-t', 'mesh/v1/home/d1/state', '-m', `qos ${qos}`]);
    }
    const { stdout } = await run('mosquitto_sub', [...kept, '-C', '2', '-W', '5', '-F', '%q %p']);
    expect(stdout.trim().split('\n')).toEqual(['1 qos 1', '2 qos 2']);
    const wrong = run('mosquitto_pub', [...account, '-P', 'wrong', '-t', 'mesh/v1/home/d1/state', '-m', 'x']);
    await expect(wrong).rejects.toMatchObject({ stderr: expect.stringContaining('refused') });
  });
});
