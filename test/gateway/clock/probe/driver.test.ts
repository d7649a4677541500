import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../core/time/index.ts';
import { ProbeDriver, type ProbeDriverOptions } from '../../../../gateway/clock/probe/driver.ts';
import { encodeProbe, probeKey } from '../../../../gateway/clock/probe/packet.ts';
import type { Exchange, Unanswered } from '../../../../gateway/clock/probe/types.ts';
import { A, B, KEY, probeOf } from './packets.ts';

const C = { site: 'home', name: 'c' };
const BOOTS = { a: 'a0a0a0a0a0a0a0a0', b: 'b0b0b0b0b0b0b0b0', c: 'c0c0c0c0c0c0c0c0' };

interface Packet {
  from: string;
  to: string;
  bytes: Buffer;
}

/** Gateways a, b and c whose packets take 1 ms; `on` sees each and may lose, change or repeat it. */
class Network {
  readonly clock = new VirtualClock();
  readonly drivers = new Map<string, ProbeDriver>();
  readonly exchanges: Exchange[] = [];
  readonly unanswered: Unanswered[] = [];
  readonly sent: Packet[] = [];
  on: (packet: Packet) => Packet[] = (packet) => [packet];
  waitedMsMax = 0;

  constructor(options: Partial<ProbeDriverOptions> = {}) {
    for (const own of [A, B, C]) {
      const name = own.name as keyof typeof BOOTS;
      const driver = new ProbeDriver({
        path: 'udp',
        own,
        boot: BOOTS[name],
        key: KEY,
        clock: this.clock,
        send: (to, bytes) => this.#send({ from: name, to, bytes }),
        onExchange: (exchange) => this.exchanges.push(exchange),
        onUnanswered: (unanswered) => this.unanswered.push(unanswered),
        ...options,
      });
      driver.setPeers(Object.keys(BOOTS).filter((peer) => peer !== name));
      this.drivers.set(name, driver);
    }
  }

  of(name: string): ProbeDriver {
    return this.drivers.get(name) as ProbeDriver;
  }

  deliver({ from, to, bytes }: Packet): void {
    const receivedMs = this.clock.monotonicMs();
    this.of(to).receive({ bytes, address: `${from}:1`, receivedMs, waitedMsMax: this.waitedMsMax });
  }

  #send(packet: Packet): boolean {
    this.sent.push(packet);
    for (const each of this.on(packet)) this.clock.setTimer(1, () => this.deliver(each));
    return true;
  }
}

describe('an end of clock probes', () => {
  it('paces a burst and tells each exchange with all four stamps', () => {
    const network = new Network();
    network.clock.advance(1_000);
    network.of('a').probe('b', 3, 10);
    network.clock.advance(100);
    expect(network.exchanges).toEqual(
      [1_000, 1_010, 1_020].map((t1Ms) => ({
        peer: 'b',
        boot: BOOTS.b,
        path: 'udp',
        t1Ms,
        t2Ms: t1Ms + 1,
        t3Ms: t1Ms + 1,
        t4Ms: t1Ms + 2,
      })),
    );
    expect(network.of('a').counters()).toMatchObject({ probesSent: 3, exchanges: 3, unanswered: 0 });
    expect(network.of('b').counters()).toMatchObject({ answered: 3 });
    expect(network.sent.filter(({ from }) => from === 'b').map(({ bytes }) => bytes.length)).toEqual(
      network.sent.filter(({ from }) => from === 'a').map(({ bytes }) => bytes.length),
    );
  });

  it('tells who did not answer, and of what was not sent', () => {
    const network = new Network({ limits: { timeoutMs: 50, burstProbesMax: 4 } });
    network.on = () => [];
    network.of('a').probe('b', 9, 5);
    network.of('a').probe('nobody', 2, 5);
    network.clock.advance(200);
    expect(network.of('a').counters()).toMatchObject({ probesSent: 4, notSent: 5 + 2, unanswered: 4, exchanges: 0 });
    expect(network.unanswered.filter(({ peer }) => peer === 'nobody')).toEqual([
      { peer: 'nobody', path: 'udp', probes: 2 },
    ]);
    const probes = network.unanswered.filter(({ peer }) => peer === 'b').map((each) => each.probes);
    expect(probes.reduce((sum, each) => sum + each, 0)).toBe(4);
  });

  it('begins another burst in place of the one before', () => {
    const network = new Network();
    network.of('a').probe('b', 10, 10);
    network.clock.advance(15);
    network.of('a').probe('b', 2, 10);
    network.clock.advance(200);
    expect(network.of('a').counters()).toMatchObject({ probesSent: 2 + 2, notSent: 8, exchanges: 4 });
  });

  it('sends nothing more to who is a peer no longer, nor after it was stopped', () => {
    const network = new Network();
    network.of('a').probe('b', 10, 10);
    network.of('a').probe('c', 10, 10);
    network.clock.advance(5);
    network.of('a').setPeers(['c']);
    network.clock.advance(10);
    network.of('a').stop();
    network.clock.advance(2_000);
    expect(network.of('a').counters()).toMatchObject({ probesSent: 1 + 2, notSent: 9 });
    expect(network.clock.nextDueMs()).toBe(undefined);
  });

  it('counts and names what it refuses, and makes nothing of it', () => {
    const network = new Network();
    const a = network.of('a');
    const b = network.of('b');
    const probe = probeOf({ sequence: 1 });
    const arrive = (bytes: Buffer, from = 'x', bearer?: string) =>
      b.receive({
        bytes,
        address: from,
        receivedMs: 1,
        waitedMsMax: 0,
        ...(bearer === undefined ? {} : { bearer }),
      });
    arrive(encodeProbe(probe, KEY), 'a:1');
    arrive(encodeProbe(probe, KEY), 'thief:1');
    arrive(encodeProbe(probe, probeKey('another key')), 'forger:1');
    arrive(Buffer.from('GET / HTTP/1.1'), 'browser:1');
    arrive(encodeProbe(probeOf({ sender: { site: 'home', name: 'x' } }), KEY), 'x:1');
    arrive(encodeProbe(probeOf({ sender: { site: 'away', name: 'a' } }), KEY), 'away:1');
    arrive(encodeProbe(probeOf({ receiver: C, sequence: 2 }), KEY), 'lost:1');
    arrive(encodeProbe(probeOf({ sequence: 3 }), KEY), 'c', 'c');
    expect(b.counters()).toMatchObject({
      answered: 1,
      refused: { replayed: 1, forged: 1, malformed: 1, unknownPeer: 2, misdirected: 1, wrongPeer: 1 },
    });
    expect(b.refusals().map(({ reason, address, claims, detail }) => [reason, address, claims, detail])).toEqual([
      ['wrongPeer', 'c', 'home/a', 'brought by c'],
      ['misdirected', 'lost:1', 'home/a', 'meant for home/c'],
      ['unknownPeer', 'away:1', 'away/a', ''],
      ['unknownPeer', 'x:1', 'home/x', ''],
      ['malformed', 'browser:1', undefined, '14 bytes do not fit: length'],
      ['forged', 'forger:1', 'home/a', ''],
      ['replayed', 'thief:1', 'home/a', ''],
    ]);
    expect(network.sent).toHaveLength(1);
    // The one answer goes to a, who never asked.
    network.clock.advance(10);
    expect(a.counters()).toMatchObject({ exchanges: 0, refused: { unasked: 1 } });
    expect(network.exchanges).toEqual([]);
  });

  it('counts a reply once, however often and late it comes', () => {
    const network = new Network({ limits: { timeoutMs: 50 } });
    const replies: Packet[] = [];
    network.on = (packet) => {
      if (packet.from === 'a') return [packet];
      replies.push(packet);
      return replies.length === 1 ? [packet, packet, packet] : [];
    };
    network.of('a').probe('b', 2, 10);
    network.clock.advance(100);
    network.deliver(replies[1] as Packet);
    expect(network.of('a').counters()).toMatchObject({
      exchanges: 1,
      unanswered: 1,
      refused: { replayed: 2, late: 1, unasked: 0 },
    });
  });

  it('does not take the reply of another gateway for the one that was asked', () => {
    const network = new Network();
    // c has the key as well, and gets to see what is meant for b.
    network.on = (packet) => [packet.from === 'a' ? { ...packet, to: 'c' } : packet];
    network.of('a').probe('b', 1, 1);
    network.clock.advance(10);
    expect(network.of('c').counters()).toMatchObject({ answered: 0, refused: { misdirected: 1 } });
    expect(network.exchanges).toEqual([]);
  });

  it('makes no exchange when either end may have stamped late', () => {
    const network = new Network({ limits: { lagMsMax: 1 } });
    network.waitedMsMax = 1;
    network.of('a').probe('b', 1, 1);
    network.clock.advance(10);
    expect(network.exchanges).toHaveLength(1);
    network.waitedMsMax = 1.01;
    network.of('a').probe('b', 1, 1);
    network.clock.advance(1);
    network.waitedMsMax = 0;
    network.clock.advance(10);
    network.of('a').probe('b', 1, 1);
    network.clock.advance(1);
    network.waitedMsMax = 1.01;
    network.clock.advance(10);
    expect(network.exchanges).toHaveLength(1);
    // Lag at one end is no silence: nobody is called unanswered, and no other path is taken for it.
    network.clock.advance(5_000);
    expect(network.of('a').counters()).toMatchObject({ exchanges: 1, rejectedLag: 2, unanswered: 0 });
    expect(network.unanswered).toEqual([]);
  });

  it('numbers its probes above those of an end that was there before in the same process', () => {
    const clock = new VirtualClock();
    const seen: Buffer[] = [];
    const common = { path: 'udp', own: A, boot: BOOTS.a, key: KEY, clock, onExchange() {}, onUnanswered() {} } as const;
    const b = new ProbeDriver({ ...common, own: B, boot: BOOTS.b, send: () => true });
    b.setPeers(['a']);
    for (let life = 0; life < 3; life++) {
      const a = new ProbeDriver({ ...common, send: (_, bytes) => seen.push(bytes) > 0 });
      a.setPeers(['b']);
      a.probe('b', 20, 1);
      clock.advance(100);
      a.stop();
    }
    for (const bytes of seen) b.receive({ bytes, address: 'a', receivedMs: 0, waitedMsMax: 0 });
    expect(b.counters()).toMatchObject({ answered: 60, refused: { replayed: 0 } });
  });
});
