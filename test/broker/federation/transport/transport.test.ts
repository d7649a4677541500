import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import {
  type Connection,
  dial,
  type LinkListener,
  type LinkTls,
  type ListenOptions,
  linkAddressSchema,
  listen,
} from '../../../../broker/federation/transport/index.ts';
import { encodeFrame, type Frame } from '../../../../broker/federation/wire/index.ts';
import type { LatticeError } from '../../../../core/errors/index.ts';
import { systemClock as clock } from '../../../../core/time/index.ts';

let folder = '';
/** Signed by the same authority; `other` by another one. */
const tlsOf: Record<'a' | 'b' | 'other', LinkTls> = { a: {}, b: {}, other: {} };

function openssl(...words: string[]): void {
  execFileSync('openssl', words, { cwd: folder, stdio: 'pipe' });
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'lattice-tls-'));
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  for (const ca of ['ca', 'other-ca']) {
    openssl('req', '-x509', ...ec, '-keyout', `${ca}.key`, '-out', `${ca}.pem`, '-days', '2', '-subj', `/CN=${ca}`);
  }
  writeFileSync(join(folder, 'names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n');
  writeFileSync(join(folder, 'elsewhere'), 'subjectAltName=DNS:elsewhere.example\n');
  const make = (name: string, ca: string, names: string): void => {
    openssl('req', ...ec, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', `/CN=${name}`);
    const signed = ['-CA', `${ca}.pem`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-extfile', names];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, '-days', '2', ...signed);
  };
  make('a', 'ca', 'names');
  make('b', 'ca', 'names');
  make('other', 'other-ca', 'names');
  make('elsewhere', 'ca', 'elsewhere');
  for (const name of ['a', 'b', 'other'] as const) tlsOf[name] = tlsFiles(name, name === 'other' ? 'other-ca' : 'ca');
});

afterAll(() => rmSync(folder, { recursive: true }));

const open: { close(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

function tlsFiles(name: string, ca: string): LinkTls {
  const [certFile, keyFile, caFile] = [`${name}.pem`, `${name}.key`, `${ca}.pem`].map((file) => join(folder, file));
  return { certFile, keyFile, caFile };
}

interface Taker {
  listener: LinkListener;
  /** The next connection that was taken. */
  taken: Promise<Connection>;
  refused: LatticeError[];
}

async function taker(scheme: string, options: Partial<ListenOptions> = {}): Promise<Taker> {
  const refused: LatticeError[] = [];
  const { promise, resolve } = Promise.withResolvers<Connection>();
  const address = linkAddressSchema.parse(`${scheme}://127.0.0.1:0`);
  const onRefused = (error: LatticeError): void => void refused.push(error);
  const listener = await listen(address, { clock, onRefused, ...options }, (connection) => {
    open.push(connection);
    resolve(connection);
  });
  open.push(listener);
  return { listener, taken: promise, refused };
}

function dialTo(scheme: string, { port }: LinkListener, tls?: LinkTls): Connection {
  const connection = dial(linkAddressSchema.parse(`${scheme}://127.0.0.1:${port}`), { clock, tls });
  open.push(connection);
  return connection;
}

const nextFrame = (connection: Connection): Promise<Frame> =>
  new Promise((resolve) => {
    connection.onFrame = resolve;
  });
const ended = (connection: Connection): Promise<LatticeError> =>
  new Promise((resolve) => {
    connection.onClose = resolve;
  });

describe.each(['lattice', 'lattices', 'ws', 'wss'])('a link over %s', (scheme) => {
  const secure = scheme === 'lattices' || scheme === 'wss';
  const ends = async () => {
    const { listener, taken } = await taker(scheme, secure ? { tls: tlsOf.a } : {});
    const dialed = dialTo(scheme, listener, secure ? tlsOf.b : undefined);
    return { dialed, taken };
  };

  it('carries frames both ways, what was sent before it stood among them', async () => {
    const { dialed, taken } = await ends();
    dialed.send(encodeFrame('control', Buffer.from('hello')));
    const listening = await taken;
    expect(await nextFrame(listening)).toEqual({ kind: 'control', body: Buffer.from('hello') });
    dialed.trust();
    const large = Buffer.alloc(300_000, 'x');
    listening.send(encodeFrame('data', large));
    const frame = await nextFrame(dialed);
    expect(frame.kind).toBe('data');
    expect(Buffer.compare(frame.body, large)).toBe(0);
  });

  it('delivers the last frame before it closes', async () => {
    const { dialed, taken } = await ends();
    dialed.send(encodeFrame('control', Buffer.from('hello')));
    const listening = await taken;
    await nextFrame(listening);
    const frame = nextFrame(dialed);
    const end = ended(dialed);
    listening.close(encodeFrame('control', Buffer.from('bye')));
    expect((await frame).body.toString()).toBe('bye');
    expect(await end).toMatchObject({ code: 'LINK_DOWN' });
  });

  it('says how much waits while the other end does not read, and when that has left', async () => {
    const { dialed, taken } = await ends();
    dialed.trust();
    dialed.send(encodeFrame('control', Buffer.from('hello')));
    const listening = await taken;
    await nextFrame(listening);
    listening.trust();
    let received = 0;
    listening.onFrame = ({ body }) => {
      received += body.length;
    };
    const drained = new Promise<void>((resolve) => {
      dialed.onDrain = resolve;
    });
    for (let i = 0; i < 20; i++) dialed.send(encodeFrame('data', Buffer.alloc(1_000_000)));
    expect(dialed.writableBytes).toBeGreaterThan(10_000_000);
    await drained;
    expect(dialed.writableBytes).toBe(0);
    await expect.poll(() => received).toBe(20_000_000);
  });

  it('ends with LINK_DOWN when nobody listens', async () => {
    const { listener } = await taker('lattice');
    listener.close();
    const dialed = dialTo(scheme, listener, secure ? tlsOf.b : undefined);
    expect(await ended(dialed)).toMatchObject({ code: 'LINK_DOWN' });
  });

  it('ends with LINK_PROTOCOL when the other end sends no frames', async () => {
    const { dialed, taken } = await ends();
    dialed.send(Buffer.from([0xff, 0xff, 0xff, 0xff, 1]));
    expect(await ended(await taken)).toMatchObject({ code: 'LINK_PROTOCOL' });
    expect(await ended(dialed)).toMatchObject({ code: 'LINK_DOWN' });
  });
});

describe.each(['lattices', 'wss'])('certificates over %s', (scheme) => {
  it('of another authority are not accepted by the dialer', async () => {
    const { listener, refused } = await taker(scheme, { tls: { ...tlsOf.other, caFile: undefined } });
    expect(await ended(dialTo(scheme, listener, tlsOf.b))).toMatchObject({ code: 'LINK_CERTIFICATE' });
    await expect.poll(() => refused.length).toBe(1);
  });

  it('for another host are not accepted by the dialer', async () => {
    const { listener } = await taker(scheme, { tls: { ...tlsFiles('elsewhere', 'ca'), caFile: undefined } });
    expect(await ended(dialTo(scheme, listener, tlsOf.b))).toMatchObject({
      code: 'LINK_CERTIFICATE',
      message: expect.stringContaining("does not match certificate's altnames"),
    });
  });

  it.each<['none' | 'another', () => LinkTls]>([
    ['none', () => ({ caFile: tlsOf.a.caFile })],
    ['another', () => ({ ...tlsOf.other, caFile: tlsOf.a.caFile })],
  ])('are asked of the dialer: with %s there is no connection', async (_which, files) => {
    const { listener, refused } = await taker(scheme, { tls: tlsOf.a });
    const dialed = dialTo(scheme, listener, files());
    expect(['LINK_CERTIFICATE', 'LINK_DOWN']).toContain((await ended(dialed)).code);
    await expect.poll(() => refused.length).toBe(1);
  });

  it('that cannot be read or used are said to be so', async () => {
    const missing = { certFile: join(folder, 'none.pem'), keyFile: tlsOf.a.keyFile };
    const coded = expect.objectContaining({ code: 'LINK_CERTIFICATE' });
    for (const tls of [{}, missing, { ...tlsOf.a, keyFile: tlsOf.b.keyFile }]) {
      await expect(taker(scheme, { tls })).rejects.toThrow(coded);
    }
    const address = linkAddressSchema.parse(`${scheme}://127.0.0.1:1`);
    for (const tls of [missing, { ...tlsOf.a, keyFile: tlsOf.b.keyFile }]) {
      expect(() => dial(address, { clock, tls })).toThrow(coded);
    }
  });
});

describe('a listener', () => {
  it('closes a stranger that does not come to the point, and the oldest at once when there is one too many', async () => {
    const { listener, refused } = await taker('lattices', { tls: tlsOf.a, strangersMax: 1, handshakeMsMax: 300 });
    const first = connect(listener.port, '127.0.0.1').resume();
    await once(first, 'connect');
    const second = connect(listener.port, '127.0.0.1').resume();
    await once(first, 'close');
    expect(refused[0]).toMatchObject({ code: 'LINK_REFUSED' });
    await once(second, 'close');
  });

  it('takes no WebSocket of another subprotocol', async () => {
    const { listener } = await taker('ws');
    const socket = new WebSocket(`ws://127.0.0.1:${listener.port}`, 'mqtt');
    const [error] = await once(socket, 'error');
    expect(error.message).toContain('400');
  });

  it('says PORT_TAKEN', async () => {
    const { listener } = await taker('lattice');
    const address = linkAddressSchema.parse({ host: '127.0.0.1', port: listener.port });
    await expect(listen(address, { clock }, () => {})).rejects.toThrow(expect.objectContaining({ code: 'PORT_TAKEN' }));
  });
});
