import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Aedes } from 'aedes';
import { connectAsync } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { strictDuplex, type ViolationContext } from '../../../broker/strict/index.ts';
import type { LatticeError } from '../../../core/errors/index.ts';
import { systemClock, VirtualClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { connect, field, LIMITS, packet, remainingLength } from './bytes.ts';

const CONNACK = Buffer.of(0x20, 2, 0, 0);
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

interface Rig {
  client: Socket;
  /** What the broker would hold. */
  strict: Duplex;
  serverSocket: Socket;
  violations: { error: LatticeError; context: ViolationContext }[];
  received: () => Buffer;
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

/** A client's socket, and a strict duplex on the other end of the same TCP connection. */
async function rig(options: Partial<Parameters<typeof strictDuplex>[1]> = {}, reads = true): Promise<Rig> {
  const server = createServer();
  const port = await listen(server);
  const accepted = once(server, 'connection');
  const client = dial(port, '127.0.0.1');
  client.on('error', () => {});
  const [serverSocket] = (await accepted) as [Socket];
  const violations: Rig['violations'] = [];
  const strict = strictDuplex(serverSocket, { ...LIMITS, clock: systemClock, ...options }, (error, context) =>
    violations.push({ error, context }),
  );
  strict.on('error', () => {});
  const chunks: Buffer[] = [];
  if (reads) strict.on('data', (chunk: Buffer) => chunks.push(chunk));
  cleanups.push(() => {
    client.destroy();
    strict.destroy();
  });
  return { client, strict, serverSocket, violations, received: () => Buffer.concat(chunks) };
}

/** Resolves when the stream has closed, whether or not with an error. */
function closing(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    stream.once('close', () => resolve());
    stream.resume();
  });
}

function collect(socket: Socket): () => Buffer {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  return () => Buffer.concat(chunks);
}

describe('strictDuplex', () => {
  it('holds what comes behind CONNECT until the broker accepts it, though the CONNACK is written in pieces', async () => {
    const { client, strict, received } = await rig();
    const rest = Buffer.concat([packet(0x30, field('a'), [1]), packet(0xc0)]);
    client.write(Buffer.concat([connect(), rest]));
    await eventually(() => expect(received()).toEqual(connect()));
    client.write(packet(0xc0));
    const answer = collect(client);
    strict.write(CONNACK.subarray(0, 1));
    strict.write(CONNACK.subarray(1, 3));
    expect(received()).toEqual(connect());
    strict.write(CONNACK.subarray(3));
    await eventually(() => expect(received()).toEqual(Buffer.concat([connect(), rest, packet(0xc0)])));
    expect(answer()).toEqual(CONNACK);
  });

  it('reads on behind no CONNACK that refuses', async () => {
    const { client, strict, received } = await rig();
    client.write(Buffer.concat([connect(), packet(0xc0)]));
    await eventually(() => expect(received()).toEqual(connect()));
    strict.end(Buffer.of(0x20, 2, 0, 5));
    await once(client.resume(), 'end');
    expect(received()).toEqual(connect());
  });

  it('tells of a violation once, passes nothing of the packet on, and closes both sides', async () => {
    const { client, strict, violations, received } = await rig();
    client.write(connect({ clientId: 'dev-9' }));
    await eventually(() => expect(received().length).toBeGreaterThan(0));
    strict.write(CONNACK);
    const closed = Promise.all([closing(strict), closing(client)]);
    client.write(packet(0x30, field('a/#'), [1]));
    client.write(packet(0x30, field('b/#'), [1]));
    await closed;
    expect(violations).toHaveLength(1);
    expect(violations[0]?.error).toMatchObject({ code: 'PACKET_MALFORMED' });
    expect(violations[0]?.error.message).toContain('MQTT-3.3.2-2');
    expect(violations[0]?.context).toEqual({ clientId: 'dev-9' });
    expect(received()).toEqual(connect({ clientId: 'dev-9' }));
  });

  it.each([
    ['an unsupported level', connect({ level: 5 }), Buffer.of(0x20, 2, 0, 1)],
    ['an empty client id with clean 0', connect({ flags: 0, clientId: '' }), Buffer.of(0x20, 2, 0, 2)],
    ['anything else', packet(0xc0), Buffer.alloc(0)],
  ])('answers %s with the right CONNACK or none, even when more input waits', async (_name, first, expected) => {
    const { client, violations } = await rig();
    const answer = collect(client);
    const closed = closing(client);
    client.write(Buffer.concat([first, Buffer.alloc(200_000)]));
    await closed;
    expect(answer()).toEqual(expected);
    expect(violations).toHaveLength(1);
  });

  it('closes a connection that sends no CONNECT in time, and leaves one alone that did', async () => {
    const clock = new VirtualClock();
    const silent = await rig({ connectTimeoutMs: 1_000, clock });
    const prompt = await rig({ connectTimeoutMs: 1_000, clock });
    silent.client.write(connect().subarray(0, 5));
    prompt.client.write(connect());
    await eventually(() => expect(prompt.received()).toEqual(connect()));
    clock.advance(999);
    expect(silent.violations).toHaveLength(0);
    const closed = closing(silent.client);
    clock.advance(1);
    await closed;
    expect(silent.violations[0]?.error.code).toBe('CONNECT_TIMEOUT');
    expect(prompt.violations).toHaveLength(0);
    expect(prompt.strict.destroyed).toBe(false);
  });

  it('keeps memory flat while many strangers announce large CONNECTs', async () => {
    const large = { packetBytesMax: 2 ** 28, connectPacketBytesMax: 2 ** 28 };
    const before = process.memoryUsage().arrayBuffers;
    for (let i = 0; i < 8; i++) {
      const { client, serverSocket } = await rig(large);
      client.write(Buffer.of(0x10, ...remainingLength(64 * 1024 * 1024)));
      client.write(Buffer.alloc(1_000));
      await eventually(() => expect(serverSocket.bytesRead).toBe(1_005));
    }
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
  });

  it('pushes back on a client whose broker does not read', async () => {
    const { client, strict, serverSocket } = await rig({}, false);
    client.write(connect());
    await once(strict, 'readable');
    strict.write(CONNACK);
    const chunk = Buffer.concat(Array.from({ length: 16 }, () => packet(0x30, field('a'), Buffer.alloc(4_096))));
    for (let i = 0; i < 500; i++) client.write(chunk);
    await eventually(() => expect(serverSocket.isPaused()).toBe(true));
    expect(strict.readableLength).toBeLessThan(512 * 1024);
    let read = 0;
    strict.on('data', (part: Buffer) => {
      read += part.length;
    });
    client.end();
    await once(strict, 'end');
    expect(read).toBe(client.bytesWritten);
  });

  it('pushes back on a broker whose client does not read, and delivers all of it later', async () => {
    const { client, strict, serverSocket } = await rig();
    client.pause();
    const block = Buffer.alloc(65_536, 5);
    const total = 32 * 1024 * 1024;
    let written = 0;
    const fill = (): void => {
      while (written < total) {
        written += block.length;
        if (!strict.write(block)) return;
      }
      strict.end();
    };
    strict.on('drain', fill);
    fill();
    await eventually(() => {
      expect(serverSocket.writableNeedDrain && strict.writableNeedDrain).toBe(true);
      expect(written).toBeLessThan(total);
    });
    let read = 0;
    client.on('data', (part) => {
      read += part.length;
    });
    await once(client.resume(), 'end');
    expect(read).toBe(total);
  });

  it('passes on the end that a client sends, with all that came before it', async () => {
    const { client, strict, received, violations } = await rig();
    const rest = packet(0x30, field('a'), Buffer.alloc(3_000, 1));
    client.end(Buffer.concat([connect(), rest, packet(0x30, field('half'), [1, 2]).subarray(0, 5)]));
    await eventually(() => expect(received()).toEqual(connect()));
    const ended = once(strict, 'end');
    strict.write(CONNACK);
    await ended;
    expect(received()).toEqual(Buffer.concat([connect(), rest]));
    expect(violations).toHaveLength(0);
  });

  it('closes when the client vanishes, and closes the client when the broker does', async () => {
    const vanishing = await rig();
    const closed = closing(vanishing.strict);
    vanishing.client.resetAndDestroy();
    await closed;
    const dropped = await rig();
    const clientClosed = closing(dropped.client);
    dropped.strict.destroy();
    await clientClosed;
    expect(dropped.serverSocket.destroyed).toBe(true);
  });
});

describe('strictDuplex in front of Aedes', () => {
  it('serves MQTT.js, and a stranger who breaks the rules disturbs nobody', async () => {
    const broker = await Aedes.createBroker();
    const violations: LatticeError[] = [];
    const server = createServer((socket) => {
      broker.handle(strictDuplex(socket, { ...LIMITS, clock: systemClock }, (error) => violations.push(error)));
    });
    const port = await listen(server);
    cleanups.push(() => new Promise<void>((resolve) => broker.close(resolve)));
    const url = `mqtt://127.0.0.1:${port}`;
    const subscriber = await connectAsync(url, { clientId: 'sub', reconnectPeriod: 0 });
    const publisher = await connectAsync(url, { clientId: 'pub', reconnectPeriod: 0 });
    cleanups.push(() => Promise.all([subscriber.endAsync(true), publisher.endAsync(true)]));
    const got: string[] = [];
    subscriber.on('message', (_topic, payload) => got.push(String(payload)));
    await subscriber.subscribeAsync('mesh/#', { qos: 1 });

    const stranger = dial(port, '127.0.0.1');
    stranger.on('error', () => {});
    const strangerGone = closing(stranger);
    stranger.write(Buffer.concat([connect({ clientId: 'stranger' }), packet(0x36, field('mesh/x'), [0, 1])]));

    const expected = Array.from({ length: 200 }, (_, i) => `${i}`);
    await Promise.all(expected.map((text) => publisher.publishAsync('mesh/a', text, { qos: 1 })));
    await publisher.publishAsync('mesh/a', Buffer.alloc(300_000, 65), { qos: 2 });
    await eventually(() => expect(got).toHaveLength(201));
    expect(got.slice(0, 200)).toEqual(expected);
    await strangerGone;
    expect(violations.map(({ message }) => message)).toEqual([expect.stringContaining('MQTT-3.3.1-4')]);
  });
});
