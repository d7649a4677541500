import { connect, type Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { LinkFederation, LinkLimits } from '../../../broker/federation/index.ts';
import { OwnInterest } from '../../../broker/federation/interest/index.ts';
import {
  type ControlFrame,
  DataDecoder,
  DataEncoder,
  type DataFrame,
  decodeControl,
  encodeAck,
  encodeControl,
  encodeCredit,
  encodeFrame,
  FRAME_BYTES_MAX,
  FrameReader,
  Handshake,
  LINK_PROTOCOL_VERSION,
  linkKey,
} from '../../../broker/federation/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { FakeBroker } from './fake-broker.ts';
import {
  at,
  federate,
  interestKnown,
  keptLog,
  type LogLine,
  linked,
  linkOf,
  newBench,
  portOf,
  SITE_KEY,
} from './mesh.ts';

const bench = newBench();

interface Scene {
  /** Linked with c; also has a peer a, whom the test plays. */
  b: FakeBroker;
  c: FakeBroker;
  fb: LinkFederation;
  fc: LinkFederation;
  lines: LogLine[];
}

async function scene(limits: Partial<LinkLimits> = {}): Promise<Scene> {
  const { log, lines } = keptLog();
  const c = await bench.broker('c');
  const fc = await federate(bench, c, { peers: [{ id: 'b' }], limits });
  const b = await bench.broker('b');
  const peers = [{ id: 'c', address: at(portOf(fc)) }, { id: 'a' }];
  const fb = await federate(bench, b, { peers, log, limits: { handshakeMsMax: 300, ...limits } });
  await linked(fb, fc);
  b.subscribe('t');
  c.subscribe('t');
  await interestKnown(fb, fc);
  return { b, c, fb, fc, lines };
}

/** The link to c was up all the time, and carries messages. */
async function othersLiveOn({ b, c, fb, lines }: Scene): Promise<void> {
  const before = c.deliveries.length;
  await b.publish('t', 'still here');
  await eventually(() => expect(c.payloads().slice(before)).toEqual(['still here']));
  expect(linkOf(fb, 'c').state).toBe('up');
  expect(lines.filter(({ peer, level }) => peer === 'c' && level >= 40)).toEqual([]);
}

/** What the test says over a connection, and what comes. */
interface Line {
  socket: Socket;
  closed: Promise<void>;
  received(): ControlFrame[];
  /** Payloads of the messages that came. */
  messages(): string[];
}

function dial(federation: LinkFederation): Line {
  const socket = connect(portOf(federation), '127.0.0.1');
  bench.onClose(() => socket.destroy());
  socket.on('error', () => {});
  const received: ControlFrame[] = [];
  const messages: string[] = [];
  const reader = new FrameReader();
  reader.frameBytesMax = FRAME_BYTES_MAX;
  const decoder = new DataDecoder();
  socket.on('data', (chunk) => {
    for (const { kind, body } of reader.feed(chunk)) {
      if (kind === 'control') received.push(decodeControl(body));
      if (kind === 'data') messages.push(...decoder.decode(body).messages.map(({ payload }) => `${payload}`));
    }
  });
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  return { socket, closed, received: () => received, messages: () => messages };
}

const HELLO = { type: 'hello', protocol: LINK_PROTOCOL_VERSION, incarnation: 'i', nonce: 'n' } as const;
const NOTHING_MORE = { isLeaf: false, accepts: [] };

/** A peer that knows the key and speaks for itself from there on. */
async function impostor(federation: LinkFederation, incarnation = 'life-of-a') {
  const line = dial(federation);
  const own = { node: 'a', incarnation, nonce: 'n', ...NOTHING_MORE };
  const handshake = new Handshake({ role: 'dialer', own, key: linkKey(SITE_KEY), objection: () => undefined });
  line.socket.write(Buffer.concat(handshake.begin().map(encodeControl)));
  await eventually(() => expect(line.received().length).toBeGreaterThan(0));
  const { send } = handshake.on(line.received()[0] as ControlFrame);
  line.socket.write(Buffer.concat(send.map(encodeControl)));
  return line;
}

/** The same, also known to everybody as a neighbour of b. */
async function neighbour(federation: LinkFederation) {
  const line = await impostor(federation);
  line.socket.write(advertisement());
  await eventually(() => expect(federation.reachable()).toContain('a'));
  return line;
}

function advertisement(change: Partial<Extract<ControlFrame, { type: 'advertisement' }>> = {}): Buffer {
  return encodeControl({
    type: 'advertisement',
    node: 'a',
    incarnation: 'life-of-a',
    boot: 'boot-of-a',
    sequence: 1,
    neighbours: ['b'],
    isLeaf: false,
    interestVersion: 0,
    interestHash: '',
    ...change,
  });
}

function frameOf(change: Partial<DataFrame> = {}, topic = 't', payload = Buffer.from('from a')): DataFrame {
  return {
    origin: 'a',
    incarnation: 'life-of-a',
    hopsLeft: 16,
    isVolatile: false,
    start: 0,
    until: 1,
    destinations: [{ node: 'b', from: 0 }],
    messages: [{ topic, payload, qos: 1, retain: false, to: 1 }],
    ...change,
  };
}

function data(...frame: Parameters<typeof frameOf>): Buffer {
  return new DataEncoder({ compresses: false }).encode(frameOf(...frame));
}

const FOUR_GIB = Buffer.from([0xff, 0xff, 0xff, 0xff, 2, 0, 0]);

describe('a stranger at the link port', () => {
  it.each([
    ['random bytes', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a frame of 4 GiB', FOUR_GIB],
    ['an unknown kind of frame', Buffer.from([0, 0, 0, 2, 77, 0])],
    ['data before the handshake', data()],
    ['a control frame that is not JSON', encodeFrame('control', Buffer.from('hello'))],
    ['a control frame of no known type', encodeFrame('control', Buffer.from('{"type":"please"}'))],
  ])('that sends %s is cut off, with a coded line in the log, and disturbs nobody', async (_name, bytes) => {
    const all = await scene();
    const { socket, closed } = dial(all.fb);
    socket.write(bytes);
    await closed;
    await eventually(() => {
      expect(all.lines.filter(({ msg }) => msg === 'a link was refused')).toEqual([
        expect.objectContaining({ code: 'LINK_PROTOCOL' }),
      ]);
    });
    await othersLiveOn(all);
    expect(all.b.accepted).toBe(0);
  });

  it.each([
    ['the broker’s own id', { ...HELLO, node: 'b' }, 'LINK_REFUSED', 'b is the id of this broker itself.'],
    [
      'the id of a broker that is linked',
      { ...HELLO, node: 'c' },
      'LINK_REFUSED',
      /c is linked already, in another life/,
    ],
    ['an id that nobody has', { ...HELLO, node: 'x' }, 'LINK_REFUSED', 'x is not a peer of b.'],
    ['another version of the protocol', { ...HELLO, node: 'a', protocol: 9 }, 'LINK_PROTOCOL', /version 3 .* not 9/],
  ])('that claims %s is told so and refused', async (_name, hello, code, reason) => {
    const all = await scene();
    const { socket, closed, received } = dial(all.fb);
    socket.write(encodeControl({ ...hello, ...NOTHING_MORE }));
    await closed;
    expect(received()).toEqual([{ type: 'refuse', code, reason: expect.stringMatching(reason) }]);
    await othersLiveOn(all);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['half a frame', encodeControl({ ...HELLO, node: 'a', ...NOTHING_MORE }).subarray(0, 20)],
  ])('that says %s is cut off in time', async (_name, bytes) => {
    const all = await scene();
    const { socket, closed } = dial(all.fb);
    const startedAt = performance.now();
    socket.write(bytes);
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    await eventually(() => expect(all.lines.at(-1)).toMatchObject({ code: 'LINK_DOWN', msg: 'a link was refused' }));
    await othersLiveOn(all);
  });
});

describe('more strangers than there is room for', () => {
  it('that say nothing do not keep a broker from linking', async () => {
    const all = await scene({ handshakeMsMax: 60_000 });
    const idle = Array.from({ length: 100 }, () => dial(all.fb));
    await Promise.all(idle.slice(0, 36).map(({ closed }) => closed));
    await neighbour(all.fb);
    await othersLiveOn(all);
  });
});

describe('a peer that breaks the protocol', () => {
  it.each([
    ['a truncated batch', encodeFrame('data', data().subarray(5, -3))],
    ['an unknown alias', encodeFrame('data', Buffer.from([0, 16, 9]))],
    ['a private topic', data({}, '$SYS/b/new/clients')],
    ['a topic with a wildcard', data({}, 't/#')],
    ['no destination', encodeFrame('data', Buffer.from([4, 16, 1, 1, 0x61, 1, 1, 0x61, 0]))],
    ['a truncated acknowledgement', encodeFrame('ack', Buffer.from([0, 1, 1]))],
    ['a truncated datagram', encodeFrame('datagram', Buffer.from([1, 9]))],
    ['a CREDIT of one byte', encodeFrame('credit', Buffer.from([1]))],
    ['a frame of the handshake', encodeControl({ type: 'welcome' })],
    ['an advertisement without end', encodeFrame('control', Buffer.from('{"type":"advertisement"'))],
    ['a frame of 4 GiB', FOUR_GIB],
  ])('by %s is cut off, told so, and disturbs nobody', async (_name, bytes) => {
    const all = await scene();
    const { socket, closed, received } = await neighbour(all.fb);
    socket.write(bytes);
    await closed;
    await eventually(() => {
      const warning = all.lines.findLast(({ peer, level }) => peer === 'a' && level >= 40);
      expect(warning).toMatchObject({ code: 'LINK_PROTOCOL' });
    });
    expect(linkOf(all.fb, 'a').state).toBe('refused');
    // What cannot be cut into frames ends the connection below the link, which then has no words any more.
    if (bytes !== FOUR_GIB) expect(received().at(-1)).toMatchObject({ type: 'refuse', code: 'LINK_PROTOCOL' });
    await othersLiveOn(all);
    expect(all.b.accepted).toBe(0);
  });

  it('by silence after half a frame is cut off within three keep-alive periods', async () => {
    const all = await scene();
    const { socket, closed } = await neighbour(all.fb);
    const startedAt = performance.now();
    socket.write(data().subarray(0, 12));
    await closed;
    expect(performance.now() - startedAt).toBeLessThan(700);
    await eventually(() => expect(all.fb.reachable()).toEqual(['c']));
    expect(all.lines.findLast(({ peer, level }) => peer === 'a' && level >= 40)).toMatchObject({ code: 'LINK_DOWN' });
    await othersLiveOn(all);
  });

  it('by sending more than it was granted, while nothing is stored, is cut off', async () => {
    const all = await scene({ keepAliveMs: 2_000 });
    const release = all.b.holdAccepts();
    const { socket, closed } = await neighbour(all.fb);
    const payload = Buffer.alloc(500_000);
    for (let i = 0; i < 30; i++) {
      const destinations = [{ node: 'b', from: i }];
      socket.write(data({ start: i, until: i + 1, destinations }, 't', payload));
    }
    await closed;
    expect(all.lines.findLast(({ peer, level }) => peer === 'a' && level >= 40)).toMatchObject({
      code: 'LINK_PROTOCOL',
    });
    expect(all.b.accepted).toBeLessThan(25);
    release();
    await othersLiveOn(all);
  });
});

describe('a peer that lies', () => {
  it('about how far it came makes the broker begin a new life once, and is not believed again', async () => {
    const all = await scene();
    const firstLife = all.b.incarnation;
    const first = await neighbour(all.fb);
    const lie = { origin: 'b', destination: 'a', position: 1_000_000, isRewind: false, hopsLeft: 16 };
    first.socket.write(encodeAck({ ...lie, incarnation: firstLife }));
    await first.closed;
    expect(all.b.incarnation).not.toBe(firstLife);
    await linked(all.fb, all.fc);
    const { socket, messages } = await neighbour(all.fb);
    const interest = new OwnInterest({ node: 'a', boot: 'boot-of-a' });
    interest.update({ add: ['u'], remove: [] });
    for (const frame of interest.snapshot()) socket.write(encodeControl(frame));
    await eventually(() => expect(all.fb.isWanted('u')).toBe(true));
    const ack = { ...lie, incarnation: all.b.incarnation };
    socket.write(encodeCredit(100_000));
    socket.write(encodeAck(ack));
    socket.write(encodeAck({ ...ack, position: -1 }));
    socket.write(encodeAck(ack));
    await all.b.publish('u', 'news');
    await eventually(() => expect(messages()).toEqual(['news']));
    await all.b.publish('t', 'still here');
    await eventually(() => expect(all.c.payloads()).toEqual(['still here']));
    expect((await all.b.journal.cursor('to-a')).position).toBeLessThanOrEqual(all.b.journal.nextPosition);
    expect(linkOf(all.fb, 'a')).toMatchObject({ state: 'up' });
  });

  it('that it is in another life than the one it is linked in is refused, and its link stays', async () => {
    const all = await scene();
    await neighbour(all.fb);
    const { closed, received } = await impostor(all.fb, 'another-life');
    await closed;
    expect(received()).toEqual([
      { type: 'refuse', code: 'LINK_REFUSED', reason: expect.stringContaining('in another life') },
    ]);
    expect(linkOf(all.fb, 'a').state).toBe('up');
  });

  it('about its life in its stream is not listened to; what is of its present life is', async () => {
    const all = await scene();
    const { socket } = await neighbour(all.fb);
    socket.write(data({ incarnation: 'an-earlier-life', until: 7 }, 't', Buffer.from('stale')));
    socket.write(data({}, 't', Buffer.from('present')));
    await eventually(() => expect(all.b.payloads()).toEqual(['present']));
    await othersLiveOn(all);
  });

  it('in the name of the broker itself is outbid', async () => {
    const all = await scene();
    const { socket, received } = await neighbour(all.fb);
    socket.write(advertisement({ node: 'b', incarnation: 'x', boot: 'x', sequence: 1_000, neighbours: [] }));
    await eventually(() => {
      const answers = received().filter((frame) => frame.type === 'advertisement' && frame.node === 'b');
      expect(answers.at(-1)).toMatchObject({ sequence: 1_001, incarnation: all.b.incarnation, neighbours: ['a', 'c'] });
    });
    await othersLiveOn(all);
  });
});
