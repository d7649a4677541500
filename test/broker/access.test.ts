import { describe, expect, it } from 'vitest';
import { deadLetterSchema } from '../../core/wire/index.ts';
import { eventually } from '../support/eventually.ts';
import { connect, credentials, itOfOneBroker, OPERATOR, startBroker } from './support/harness.ts';

describe('who may connect', () => {
  itOfOneBroker('refuses anonymous clients, wrong passwords and throttled addresses, each with its code', async () => {
    const { port, codes } = await startBroker();
    const anonymous = connect(port, { username: undefined as never, password: undefined as never });
    await expect(anonymous).rejects.toMatchObject({ code: 5 });
    await expect(connect(port, { username: 'd1', password: 'wrong' })).rejects.toMatchObject({ code: 4 });
    await expect(connect(port, { ...credentials('device', 'd1'), username: 'd2' })).rejects.toMatchObject({ code: 4 });
    expect(codes()).toEqual(expect.arrayContaining(['AUTH_REQUIRED', 'AUTH_FAILED']));
    for (let attempt = 0; attempt < 10; attempt++) {
      await expect(connect(port, { ...OPERATOR, password: `guess ${attempt}` })).rejects.toMatchObject({ code: 4 });
    }
    await expect(connect(port, OPERATOR)).rejects.toMatchObject({ code: 5 });
    expect(codes()).toContain('AUTH_THROTTLED');
    // A machine's password cannot be guessed, so a device behind the same address is let in.
    await connect(port, credentials('device', 'd1'));
  });

  it('never logs a password', async () => {
    const { port, log } = await startBroker();
    await expect(connect(port, { username: 'd1', password: 'hunter2' })).rejects.toThrow();
    await connect(port);
    expect(JSON.stringify(log)).not.toMatch(/hunter2|correct horse/);
  });

  it('lets no account take the client id or the session of another', async () => {
    const { port, codes } = await startBroker();
    const first = await connect(port, { ...credentials('device', 'd1'), clientId: 'd1', clean: false });
    await expect(connect(port, { ...credentials('device', 'd2'), clientId: 'd1' })).rejects.toMatchObject({
      code: 2,
    });
    expect(first.mqtt.connected).toBe(true);
    await first.mqtt.endAsync();
    const thief = connect(port, { ...credentials('device', 'd2'), clientId: 'd1', clean: false });
    await expect(thief).rejects.toMatchObject({ code: 2 });
    expect(codes()).toContain('CLIENT_ID_TAKEN');
    expect((await connect(port, { ...credentials('device', 'd1'), clientId: 'd1', clean: false })).sessionPresent).toBe(
      true,
    );
  });

  it('lets no device and no gateway have a client id that is not its own, and everybody one that the broker makes up', async () => {
    const { port, codes } = await startBroker();
    for (const clientId of ['gateway-1', 'evil2', 'gateway-1/x']) {
      for (const role of ['device', 'gateway'] as const) {
        await expect(connect(port, { ...credentials(role, 'evil'), clientId })).rejects.toMatchObject({ code: 2 });
      }
    }
    expect(codes()).toContain('CLIENT_ID_TAKEN');
    for (const clientId of ['evil', 'evil/x', '']) await connect(port, { ...credentials('device', 'evil'), clientId });
    await connect(port, { ...credentials('gateway', 'gateway-1'), clientId: 'gateway-1', clean: false });
    await connect(port, { ...credentials('console', 'console'), clientId: 'mqttjs_1234' });
  });

  it('refuses a will outside of the rights', async () => {
    const { port, codes } = await startBroker();
    const will = {
      topic: 'mesh/v1/home/d2/availability',
      payload: Buffer.from('offline'),
      qos: 1,
      retain: true,
    } as const;
    await expect(connect(port, { ...credentials('device', 'd1'), will })).rejects.toMatchObject({ code: 5 });
    expect(codes()).toContain('TOPIC_FORBIDDEN');
  });
});

describe('who may publish and subscribe where', () => {
  it('cuts off a device that publishes outside of its topics, without PUBACK, and leaves a dead letter', async () => {
    const { port, codes } = await startBroker();
    const operator = await connect(port);
    await operator.mqtt.subscribeAsync('mesh/v1/+/+/deadletter');
    await operator.mqtt.subscribeAsync('mesh/v1/home/d2/#');
    const device = await connect(port, credentials('device', 'd1'));
    let acknowledged = false;
    device.mqtt.publish('mesh/v1/home/d2/state', '{"temperature":1}', { qos: 1 }, (error) => {
      acknowledged = !error;
    });
    await eventually(() => expect(device.mqtt.connected).toBe(false));
    await eventually(() => expect(operator.received).toHaveLength(1));
    const [letter] = operator.received;
    expect(letter?.topic).toBe('mesh/v1/home/d1/deadletter');
    const parsed = deadLetterSchema.parse(JSON.parse(letter?.payload ?? ''));
    expect(parsed).toMatchObject({
      code: 'TOPIC_FORBIDDEN',
      topic: 'mesh/v1/home/d2/state',
      payloadBytes: 17,
      by: expect.stringMatching(/^b[123]$/),
    });
    expect(Buffer.from(parsed.payloadBase64, 'base64').toString()).toBe('{"temperature":1}');
    expect(acknowledged).toBe(false);
    expect(codes()).toContain('TOPIC_FORBIDDEN');
  });

  it('answers a forbidden SUBSCRIBE with 0x80, and stores nothing of it', async () => {
    const { port } = await startBroker();
    const device = await connect(port, { ...credentials('device', 'd1'), clientId: 'd1', clean: false });
    const filters = [
      'mesh/v1/home/d1/cmd',
      'lattice/session',
      'mesh/v1/#',
      '#',
      '$SYS/#',
      '$shard/1/mesh/v1/#',
      'homeassistant/status',
    ];
    const granted: number[] = [];
    for (const filter of filters) {
      const packet = await new Promise<{ granted: number[] }>((resolve) => {
        device.mqtt.subscribe(filter, { qos: 1 }, (_error, _grants, suback) => resolve(suback as never));
      });
      granted.push(...packet.granted);
    }
    expect(granted).toEqual([1, 128, 128, 128, 128, 128, 1]);
    await device.mqtt.endAsync();
    const operator = await connect(port);
    await operator.mqtt.publishAsync('mesh/v1/home/d2/state', 'private', { qos: 1 });
    await operator.mqtt.publishAsync('mesh/v1/home/d1/cmd', 'for d1', { qos: 1 });
    const back = await connect(port, { ...credentials('device', 'd1'), clientId: 'd1', clean: false });
    await eventually(() => expect(back.payloads()).toEqual(['for d1']));
  });

  it('refuses topics and filters that are too long, and goes on', async () => {
    const { port, codes } = await startBroker();
    const gateway = await connect(port, { ...credentials('gateway', 'g1'), clean: false });
    await gateway.mqtt.subscribeAsync('$shard/+/mesh/v1/#', { qos: 1 });
    const long = (bytes: number): string => `mesh/v1/home/d1/${'x'.repeat(bytes - 16)}`;
    await expect(gateway.mqtt.subscribeAsync(long(1_025), { qos: 1 })).rejects.toThrow();
    const operator = await connect(port);
    await operator.mqtt.publishAsync(long(1_024), 'fits', { qos: 1 });
    operator.mqtt.publish(long(65_530), 'does not', { qos: 1 });
    await eventually(() => expect(operator.mqtt.connected).toBe(false));
    expect(codes()).toContain('TOPIC_INVALID');
    const will = { topic: long(1_025), payload: Buffer.from('x'), qos: 1, retain: false } as const;
    await expect(connect(port, { will })).rejects.toMatchObject({ code: 5 });
    await eventually(() => expect(gateway.payloads()).toContain('fits'));
  });

  itOfOneBroker('keeps `$SYS` closed: nobody publishes there, and no client can be thrown out by it', async () => {
    const { port } = await startBroker();
    const victim = await connect(port, { clientId: 'victim' });
    const attacker = await connect(port, { clientId: 'attacker' });
    attacker.mqtt.publish('$SYS/other/new/clients', 'victim', { qos: 0 });
    await eventually(() => expect(attacker.mqtt.connected).toBe(false));
    await victim.mqtt.publishAsync('mesh/v1/home/d1/state', 'still here', { qos: 1 });
    expect(victim.mqtt.connected).toBe(true);
    const watcher = await connect(port, credentials('console', 'c'));
    await watcher.mqtt.subscribeAsync('$SYS/#');
    await connect(port, { clientId: 'new here' });
    await eventually(() => expect(watcher.payloads('$SYS/b1/new/clients')).toContain('new here'));
  });
});
