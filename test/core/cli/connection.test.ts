import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { connectClient } from '../../../core/cli/connection.ts';
import { lattice } from '../../support/mesh.ts';
import { CONNACK, CONNECT_TYPE, type FakeBroker, fakeBroker, SUBSCRIBE_TYPE, suback } from './fake-broker.ts';

let broker: FakeBroker;
afterEach(() => broker.close());

describe('connectClient', () => {
  it('says UNREACHABLE when the broker closes the connection before CONNACK', async () => {
    broker = await fakeBroker((_type, _packet, socket) => socket.end());
    await expect(connectClient({ data: '', broker: broker.url })).rejects.toMatchObject({ code: 'UNREACHABLE' });
  });

  it('says AUTH_FAILED when the broker refuses the account', async () => {
    broker = await fakeBroker((_type, _packet, socket) => socket.end(Buffer.from([0x20, 0x02, 0x00, 0x05])));
    await expect(connectClient({ data: '', broker: broker.url })).rejects.toMatchObject({ code: 'AUTH_FAILED' });
  });
});

describe('lattice sub', () => {
  const onSubscribe = (answer: (packet: Buffer, socket: Socket) => void): Promise<FakeBroker> =>
    fakeBroker((type, packet, socket) => {
      if (type === CONNECT_TYPE) socket.write(CONNACK);
      if (type === SUBSCRIBE_TYPE) answer(packet, socket);
    });

  it('ends with 3 when the connection is reset, before and after SUBACK', async () => {
    broker = await onSubscribe((_packet, socket) => socket.resetAndDestroy());
    const before = await lattice('sub', '--broker', broker.url);
    broker.close();
    broker = await onSubscribe((packet, socket) => {
      socket.write(suback(packet, 1));
      setTimeout(() => socket.resetAndDestroy(), 200);
    });
    const after = await lattice('sub', '--broker', broker.url);
    for (const { code, stderr } of [before, after]) {
      expect(stderr).toMatch(/^UNREACHABLE: /);
      expect(code).toBe(3);
    }
  });

  it('names the filter that the broker refuses', async () => {
    broker = await onSubscribe((packet, socket) => socket.write(suback(packet, 0x80)));
    const { code, stderr } = await lattice('sub', 'secret/#', '--broker', broker.url);
    expect(stderr).toMatch(/^TOPIC_FORBIDDEN: No right to subscribe to secret\/#\./);
    expect(code).toBe(1);
  });
});
