import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '../../../broker/federation/batch.ts';
import {
  type ControlFrame,
  decodeControl,
  encodeAck,
  encodeControl,
  encodeFrame,
  FrameReader,
} from '../../../broker/federation/frames.ts';
import { Handshake, linkKey } from '../../../broker/federation/handshake.ts';
import type { LinkFederation } from '../../../broker/federation/index.ts';
import { eventually } from '../../support/eventually.ts';
import { Bench, type FakeBroker } from './fake-broker.ts';
import { federate, keptLog, type LogLine, linked, portOf, SITE_KEY } from './mesh.ts';

let bench = new Bench();
afterEach(async () => {
  await bench.close();
  bench = new Bench();
});

interface Scene {
  /** Linked with c; also has a peer x, whom the test plays. */
  b: FakeBroker;
  c: FakeBroker;
  fb: LinkFederation;
  lines: LogLine[];
}

async function scene(): Promise<Scene> {
  const { log, lines } = keptLog();
  const c = await bench.broker('c');
  const fc = await federate(bench, c, { peers: [{ id: 'b', port: 1 }] });
  const b = await bench.broker('b');
  const peers = [
    { id: 'c', port: portOf(fc) },
    { id: 'a', port: 1 },
  ];
  const fb = await federate(bench, b, { peers, log });
  await linked(fc);
  c.subscribe('t');
  return { b, c, fb, lines };
}

/** The other link still carries messages. */
async function othersLiveOn({ b, c, fb }: Scene): Promise<void> {
  const before = c.deliveries.length;
  await eventually(async () => {
    await b.publish('t', 'still here');
    expect(c.deliveries.length).toBeGreaterThan(before);
  });
  expect(fb.states().find(({ peer }) => peer === 'c')).toMatchObject({ state: 'up' });
}

function dial(federation: LinkFederation): { socket: Socket; closed: Promise<void>; received: () => ControlFrame[] } {
  const socket = connect(portOf(federation), '127.0.0.1');
  bench.onClose(() => socket.destroy());
  socket.on('error', () => {});
  const received: ControlFrame[] = [];
  const reader = new FrameReader();
  socket.on('data', (chunk) => {
    for (const { kind, body } of reader.feed(chunk)) if (kind === 'control') received.push(decodeControl(body));
  });
  return { socket, closed: new Promise((resolve) => socket.once('close', () => resolve())), received: () => received };
}

/** A peer that knows the key and speaks for itself from there on. */
async function impostor(federation: LinkFederation, incarnation = 'life-of-a') {
  const line = dial(federation);
  const own = { node: 'a', incarnation, nonce: 'n' };
  const handshake = new Handshake({ role: 'dialer', own, key: linkKey(SITE_KEY), objection: () => undefined });
  line.socket.write(Buffer.concat(handshake.begin().map(encodeControl)));
  await eventually(() => expect(line.received().length).toBeGreaterThan(0));
  const { send } = handshake.on(line.received()[0] as ControlFrame);
  line.socket.write(Buffer.concat(send.map(encodeControl)));
  await eventually(() => expect(line.received().some(({ type }) => type === 'interest')).toBe(true));
  return line;
}

const RESUME = encodeControl({ type: 'resume', acceptedPosition: -1 });
const NO_INTEREST = encodeControl({ type: 'interest', version: 1, base: 0, add: [], remove: [], more: false });
const MESSAGE = { topic: 't', payload: Buffer.from('x'), qos: 1 as const, retain: false };

describe('a stranger at the link port', () => {
  it.each([
    ['random bytes', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame of 4 GiB', Buffer.from([0xff, 0xff, 0xff, 0xff, 1, 0, 0])],
    ['an unknown kind of frame', Buffer.from([0, 0, 0, 2, 77, 0])],
    ['data before the handshake', encodeBatch([{ ...MESSAGE, position: 0 }])],
    ['a control frame that is not JSON', encodeFrame('control', Buffer.from('hello'))],
  ])('that sends %s is cut off, with a coded line in the log, and disturbs nobody', async (_name, bytes) => {
    const all = await scene();
    const { socket, closed } = dial(all.fb);
    socket.write(bytes);
    await closed;
    expect(all.lines.filter(({ msg }) => msg === 'a link was refused')).toEqual([
      expect.objectContaining({ code: 'LINK_PROTOCOL' }),
    ]);
    await othersLiveOn(all);
    expect(all.b.accepts).toBe(0);
  });

  it('that claims the broker’s own id, or speaks another version, is told so', async () => {
    const all = await scene();
    const own = dial(all.fb);
    own.socket.write(encodeControl({ type: 'hello', protocol: 1, node: 'b', incarnation: 'i', nonce: 'n' }));
    await own.closed;
    expect(own.received()).toEqual([
      { type: 'refuse', code: 'LINK_REFUSED', reason: 'b is the id of this broker itself.' },
    ]);
    const old = dial(all.fb);
    old.socket.write(encodeControl({ type: 'hello', protocol: 9, node: 'a', incarnation: 'i', nonce: 'n' }));
    await old.closed;
    expect(old.received()).toEqual([expect.objectContaining({ type: 'refuse', code: 'LINK_PROTOCOL' })]);
    await othersLiveOn(all);
  });

  it('that says nothing is cut off in time', async () => {
    const { log } = keptLog();
    const b = await bench.broker('b');
    const fb = await federate(bench, b, { peers: [{ id: 'a', port: 1 }], log, limits: { handshakeMsMax: 50 } });
    await dial(fb).closed;
  });
});

describe('a peer that breaks the protocol', () => {
  it.each([
    ['half a batch', encodeFrame('batch', encodeBatch([{ ...MESSAGE, position: 1 }]).subarray(5, -1))],
    ['a position twice', Buffer.concat([3, 3].map((position) => encodeBatch([{ ...MESSAGE, position }])))],
    ['a private topic', encodeBatch([{ ...MESSAGE, topic: '$SYS/b/new/clients', position: 1 }])],
    ['an ACK of what was never sent', Buffer.concat([RESUME, encodeAck(5)])],
    ['a second RESUME', Buffer.concat([RESUME, RESUME])],
    [
      'a position from the future',
      Buffer.concat([encodeControl({ type: 'resume', acceptedPosition: 1_000_000 }), NO_INTEREST]),
    ],
    [
      'a change of an interest that it never told',
      encodeControl({ type: 'interest', version: 9, base: 8, add: [], remove: [], more: false }),
    ],
    ['a frame of the handshake', encodeControl({ type: 'welcome' })],
    ['a short digest', encodeFrame('digest', Buffer.alloc(100))],
    ['keys that end early', Buffer.concat([RESUME, NO_INTEREST, encodeFrame('keys', Buffer.alloc(33))])],
    ['a frame of 4 GiB', Buffer.from([0xff, 0xff, 0xff, 0xff, 2])],
  ])('by %s is cut off, and disturbs nobody', async (_name, bytes) => {
    const all = await scene();
    const { socket, closed } = await impostor(all.fb);
    await eventually(() => expect(all.fb.states().find(({ peer }) => peer === 'a')?.state).toBe('up'));
    socket.write(bytes);
    await closed;
    await eventually(() => {
      const warning = all.lines.findLast(({ peer, level }) => peer === 'a' && level >= 40);
      expect(warning).toMatchObject({ code: 'LINK_PROTOCOL' });
    });
    expect(all.fb.states().find(({ peer }) => peer === 'a')?.state).toBe('refused');
    await othersLiveOn(all);
  });

  it('by sending without end and taking no acknowledgement in between is cut off', async () => {
    const all = await scene();
    all.b.holdAccepts = true;
    const { socket, closed } = await impostor(all.fb);
    const payload = Buffer.alloc(500_000);
    for (let position = 0; position < 30; position++) socket.write(encodeBatch([{ ...MESSAGE, payload, position }]));
    await closed;
    expect(all.lines.findLast(({ peer, level }) => peer === 'a' && level >= 40)).toMatchObject({
      code: 'LINK_PROTOCOL',
    });
    expect(all.b.accepts).toBeLessThan(25);
    all.b.holdAccepts = false;
  });
});

describe('a peer that comes back while the broker still stores what it sent before', () => {
  it('is told where to go on only when that is settled, so that nothing is taken twice', async () => {
    const { b, fb } = await scene();
    b.holdAccepts = true;
    const first = await impostor(fb);
    first.socket.write(encodeBatch([0, 1, 2].map((position) => ({ ...MESSAGE, position }))));
    await eventually(() => expect(b.accepts).toBe(3));
    first.socket.destroy();
    const second = dial(fb);
    const own = { node: 'a', incarnation: 'life-of-a', nonce: 'm' };
    const handshake = new Handshake({ role: 'dialer', own, key: linkKey(SITE_KEY), objection: () => undefined });
    second.socket.write(Buffer.concat(handshake.begin().map(encodeControl)));
    await eventually(() => expect(second.received()).toHaveLength(1));
    const { send } = handshake.on(second.received()[0] as ControlFrame);
    second.socket.write(Buffer.concat(send.map(encodeControl)));
    await eventually(() => expect(second.received()).toHaveLength(2));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(second.received().map(({ type }) => type)).toEqual(['challenge', 'welcome']);
    b.holdAccepts = false;
    await eventually(() => expect(second.received()[2]).toEqual({ type: 'resume', acceptedPosition: 2 }));
  });
});
