import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../core/time/index.ts';
import { type Exchange, MqttProbes, randomToken, TransportProbes } from '../../../../gateway/clock/probe/index.ts';
import { encodeProbe } from '../../../../gateway/clock/probe/packet.ts';
import { MemoryNetwork } from '../../../support/memory-transport.ts';
import { A, B, KEY, probeOf, SITE_KEY } from './packets.ts';

const PEERS = [A, B].map(({ name }) => ({ name, host: 'not used', port: 1 }));

describe('probes over the connections between gateways', () => {
  async function connected(clock: VirtualClock) {
    const network = new MemoryNetwork(clock);
    const ends = [A, B].map((own) => {
      const transport = network.transport(own);
      const boot = own.name.repeat(16);
      const probes = new TransportProbes({ own, boot, siteKey: SITE_KEY, clock, transport });
      probes.setPeers(PEERS);
      probes.start();
      return { transport, probes };
    });
    const [a, b] = ends as [(typeof ends)[0], (typeof ends)[0]];
    a.transport.setPeer({ name: 'b', host: '', port: 1 });
    b.transport.setPeer({ name: 'a', host: '', port: 1 });
    for (const { transport } of ends) await transport.start();
    clock.advance(10);
    return { a, b, network };
  }

  it('measure, and say by which path', async () => {
    const clock = new VirtualClock();
    const { a, b } = await connected(clock);
    const exchanges: Exchange[] = [];
    a.probes.onExchange((exchange) => exchanges.push(exchange));
    a.probes.probe('b', 2, 10);
    clock.advance(50);
    expect(exchanges).toEqual(
      [10, 20].map((t1Ms) => {
        const stamps = { t1Ms, t2Ms: t1Ms + 1, t3Ms: t1Ms + 1, t4Ms: t1Ms + 2 };
        return { peer: 'b', boot: 'b'.repeat(16), path: 'tcp', ...stamps };
      }),
    );
    expect(b.probes.counters().answered).toBe(2);
  });

  it('know that a peer is away, and do not believe one peer in the name of another', async () => {
    const clock = new VirtualClock();
    const { a, b, network } = await connected(clock);
    const probe = probeOf({ sender: { site: 'home', name: 'c' } });
    a.transport.send('b', 'clock-probe', encodeProbe(probe, KEY));
    clock.advance(5);
    expect(b.probes.refusals()).toMatchObject([{ reason: 'wrongPeer', address: 'a', claims: 'home/c' }]);
    network.cut(A, B);
    clock.advance(5);
    let unanswered = 0;
    a.probes.onUnanswered(({ path, probes }) => {
      expect(path).toBe('tcp');
      unanswered += probes;
    });
    a.probes.probe('b', 3, 10);
    clock.advance(50);
    expect(unanswered).toBe(3);
    expect(a.probes.counters()).toMatchObject({ probesSent: 0, notSent: 3 });
  });

  it('leave the transport alone once stopped', async () => {
    const clock = new VirtualClock();
    const { a, b } = await connected(clock);
    b.probes.stop();
    b.probes.stop();
    a.probes.probe('b', 1, 1);
    clock.advance(5_000);
    expect(b.transport.counters().droppedNoListener).toBe(1);
    expect(a.probes.counters()).toMatchObject({ unanswered: 1, exchanges: 0 });
  });
});

describe('probes through the brokers', () => {
  it('go to the topic of the one who is asked, and come back on the own one', () => {
    const clock = new VirtualClock();
    const broker = new EventEmitter();
    const topics: string[] = [];
    const ends = [A, B].map((own) => {
      const probes = new MqttProbes({
        own,
        boot: randomToken(),
        siteKey: SITE_KEY,
        clock,
        publish: (topic, payload) => {
          topics.push(topic);
          clock.setTimer(3, () => broker.emit(topic, new Uint8Array(payload)));
          return true;
        },
        onMessage: (topic, listener) => {
          broker.on(topic, listener);
          return () => broker.off(topic, listener);
        },
      });
      probes.setPeers(PEERS);
      probes.start();
      return probes;
    });
    const [a, b] = ends as [MqttProbes, MqttProbes];
    const exchanges: Exchange[] = [];
    a.onExchange((exchange) => exchanges.push(exchange));
    a.probe('b', 1, 1);
    clock.advance(20);
    expect(topics).toEqual(['mesh/v1/home/b/time', 'mesh/v1/home/a/time']);
    expect(exchanges).toMatchObject([{ peer: 'b', path: 'mqtt', t1Ms: 0, t2Ms: 3, t3Ms: 3, t4Ms: 6 }]);
    broker.emit('mesh/v1/home/b/time', Buffer.from('nonsense'));
    expect(b.refusals()).toMatchObject([{ reason: 'malformed', address: 'mesh/v1/home/b/time' }]);
    b.stop();
    expect(broker.listenerCount('mesh/v1/home/b/time')).toBe(0);
  });
});
