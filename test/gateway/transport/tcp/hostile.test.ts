import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { TcpTransport } from '../../../../gateway/transport/index.ts';
import { lengthPrefix, TRANSPORT_PROTOCOL_VERSION } from '../../../../gateway/transport/wire/index.ts';
import { eventually } from '../../../support/eventually.ts';
import { Gateways } from '../gateways.ts';

const A = { site: 'home', name: 'a' };
const B = { site: 'home', name: 'b' };
const gateways = new Gateways();
const sockets: Socket[] = [];

async function dial(transport: TcpTransport): Promise<Socket> {
  const socket = connect(transport.address.port, '127.0.0.1');
  socket.on('error', () => {});
  sockets.push(socket);
  await once(socket, 'connect');
  return socket;
}

function framed(frame: unknown): Buffer {
  const content = Buffer.from(JSON.stringify(frame));
  return Buffer.concat([lengthPrefix(content.length), content]);
}

async function textUntilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  if (!socket.closed) await once(socket, 'close');
  return text;
}

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await gateways.close();
});

describe('a transport among strangers', () => {
  it('closes one who says nothing, in time', async () => {
    const b = await gateways.open(B, { limits: { handshakeTimeoutMs: 50 } });
    const socket = await dial(b);
    expect(await textUntilClosed(socket.resume())).toBe('');
    expect(b.counters().handshakesFailed).toBe(1);
  });

  it.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame that is no JSON', Buffer.concat([lengthPrefix(3), Buffer.from('abc')])],
    ['a frame of 4 GiB', lengthPrefix(2 ** 32 - 1)],
    ['JSON that is no frame', framed({ type: 'hi' })],
  ])('closes one who says %s', async (_, bytes) => {
    const b = await gateways.open(B);
    const socket = await dial(b);
    socket.write(bytes);
    await textUntilClosed(socket);
    expect(b.counters().handshakesFailed).toBe(1);
  });

  it('tells an unknown version why it is refused', async () => {
    const b = await gateways.open(B);
    const socket = await dial(b);
    socket.write(framed({ type: 'hello', version: TRANSPORT_PROTOCOL_VERSION + 1 }));
    expect(await textUntilClosed(socket)).toContain('speaks version');
  });

  it('keeps a bounded number of them waiting', async () => {
    const b = await gateways.open(B, { limits: { strangersMax: 3 } });
    const silent = [await dial(b), await dial(b), await dial(b)];
    const over = await dial(b);
    await textUntilClosed(over);
    expect(b.counters().strangersTurnedAway).toBe(1);
    silent[0]?.destroy();
    await eventually(() => expect(b.counters().handshakesFailed).toBe(1));
    const next = await dial(b);
    next.write(framed({ type: 'hello', version: 99 }));
    expect(await textUntilClosed(next)).toContain('speaks version');
  });

  it('does not let in a gateway with the key of another site, and both can see why', async () => {
    const a = await gateways.open(A, { siteKey: 'the key of quite another site' });
    const b = await gateways.open(B);
    a.setPeer({ ...B, ...b.address });
    b.setPeer({ ...A, ...a.address });
    await eventually(() => {
      for (const one of [a, b]) expect(one.peers()[0]?.lastError).toContain('key of another site');
    });
    expect([a.isUp('b'), b.isUp('a')]).toEqual([false, false]);
  });

  it('connects gateways of two sites by the key of each peer', async () => {
    const far = { site: 'away', name: 'a' };
    const shared = 'a key that both sites were given';
    const b = await gateways.open(B);
    const a = await gateways.open(far, { siteKey: 'the key of the site away' });
    expect(a.setPeer({ ...B, ...b.address, siteKey: shared })).toBe('home/b');
    expect(b.setPeer({ ...far, ...a.address, siteKey: shared })).toBe('away/a');
    const heard: string[] = [];
    b.onFrame('t', (peer, bytes) => heard.push(`${peer} ${bytes}`));
    await eventually(() => expect(a.send('home/b', 't', Buffer.from('hello'))).toBe(true));
    await eventually(() => expect(heard).toEqual(['away/a hello']));
  });

  it('refuses to be taken for another gateway', async () => {
    const b = await gateways.open(B);
    const a = await gateways.open(A);
    b.setPeer({ ...A, ...a.address });
    a.setPeer({ site: 'home', name: 'c', ...b.address });
    await eventually(() => expect(a.peers()[0]?.lastError).toContain('Here is b of site home, not c'));
  });
});
