import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../../core/time/index.ts';
import {
  type Exchange,
  PROBE_PATHS,
  type ProbePathName,
  ProbePaths,
  type ProbeSource,
  type Unanswered,
} from '../../../../gateway/clock/probe/index.ts';
import { ProbeListeners } from '../../../../gateway/clock/probe/listeners.ts';

/** A path on which probes are answered, or not, at once. */
class Source implements ProbeSource {
  readonly path: ProbePathName;
  readonly listeners = new ProbeListeners();
  answers = true;
  readonly asked: [peer: string, count: number][] = [];

  constructor(path: ProbePathName) {
    this.path = path;
  }

  setPeers(): void {}

  probe(peer: string, count: number): void {
    this.asked.push([peer, count]);
    const { path } = this;
    if (!this.answers) this.listeners.tellUnanswered({ peer, path, probes: count });
    else this.listeners.tellExchange({ peer, boot: 'life', path, t1Ms: 0, t2Ms: 0, t3Ms: 0, t4Ms: 1 });
  }

  onExchange: ProbeSource['onExchange'] = (listener) => this.listeners.onExchange(listener);
  onUnanswered: ProbeSource['onUnanswered'] = (listener) => this.listeners.onUnanswered(listener);
}

function choosing() {
  const clock = new VirtualClock();
  const [udp, tcp, mqtt] = PROBE_PATHS.map((path) => new Source(path)) as [Source, Source, Source];
  const sources = [udp, tcp, mqtt].map((source) => ({ path: source.path, source }));
  const paths = new ProbePaths({ sources, clock, unansweredMax: 10, retryMs: 1_000 });
  paths.setPeers(['b', 'c'].map((name) => ({ name, host: name, port: 1 })));
  const exchanges: Exchange[] = [];
  const unanswered: Unanswered[] = [];
  paths.onExchange((exchange) => exchanges.push(exchange));
  paths.onUnanswered((each) => unanswered.push(each));
  const pathOf = (peer: string) => paths.states().find((state) => state.peer === peer)?.path;
  return { clock, udp, tcp, mqtt, paths, exchanges, unanswered, pathOf };
}

describe('the choice of a path', () => {
  it('is the best one while it answers', () => {
    const { paths, udp, tcp, exchanges } = choosing();
    for (let round = 0; round < 5; round++) paths.probe('b', 8, 1);
    expect([udp.asked.length, tcp.asked.length]).toEqual([5, 0]);
    expect(exchanges.map(({ path }) => path)).toEqual(Array(5).fill('udp'));
    expect(paths.states()[0]).toMatchObject({ peer: 'b', path: 'udp', why: 'the best path, and it answers' });
  });

  it('goes on to the next after so many probes in a row without an answer, for that peer alone', () => {
    const { paths, udp, tcp, mqtt, pathOf, unanswered } = choosing();
    udp.answers = false;
    paths.probe('b', 8, 1);
    expect(pathOf('b')).toBe('udp');
    paths.probe('b', 2, 1);
    expect(paths.states()[0]).toMatchObject({ path: 'tcp', why: '10 probes by udp were not answered', unanswered: 0 });
    expect(pathOf('c')).toBe('udp');
    tcp.answers = false;
    paths.probe('b', 10, 1);
    paths.probe('b', 4, 1);
    expect(pathOf('b')).toBe('mqtt');
    expect(mqtt.asked).toEqual([['b', 4]]);
    expect(unanswered.map(({ path, probes }) => [path, probes])).toEqual([
      ['udp', 8],
      ['udp', 2],
      ['tcp', 10],
    ]);
  });

  it('forgives what is lost now and then', () => {
    const { paths, udp, pathOf } = choosing();
    for (let round = 0; round < 10; round++) {
      udp.answers = round % 3 === 0;
      paths.probe('b', 4, 1);
    }
    expect(pathOf('b')).toBe('udp');
  });

  it('tries the better ones now and then, and takes the first that answers', () => {
    const { clock, paths, udp, tcp, mqtt, pathOf, unanswered } = choosing();
    udp.answers = false;
    tcp.answers = false;
    for (let round = 0; round < 2; round++) paths.probe('b', 10, 1);
    expect(pathOf('b')).toBe('mqtt');
    const heard = unanswered.length;
    for (let second = 0; second < 3; second++) {
      clock.advance(1_000);
      for (let round = 0; round < 4; round++) paths.probe('b', 8, 1);
    }
    expect(udp.asked.slice(1)).toEqual(Array(3).fill(['b', 3]));
    expect(tcp.asked.slice(1)).toEqual(Array(3).fill(['b', 3]));
    expect(mqtt.asked).toHaveLength(12);
    // What a try does not get is no news: the path in use answers.
    expect(unanswered).toHaveLength(heard);
    tcp.answers = true;
    clock.advance(1_000);
    paths.probe('b', 8, 1);
    expect(paths.states()[0]).toMatchObject({ path: 'tcp', why: 'tcp answers again' });
    udp.answers = true;
    clock.advance(1_000);
    paths.probe('b', 8, 1);
    expect(pathOf('b')).toBe('udp');
  });

  it('begins with the best again when none answers', () => {
    const { paths, udp, tcp, mqtt, pathOf } = choosing();
    for (const source of [udp, tcp, mqtt]) source.answers = false;
    const seen = Array.from({ length: 4 }, () => {
      const path = pathOf('b');
      paths.probe('b', 10, 1);
      return path;
    });
    expect(seen).toEqual(['udp', 'tcp', 'mqtt', 'udp']);
  });

  it('is forgotten with the peer', () => {
    const { paths, udp } = choosing();
    udp.answers = false;
    paths.probe('b', 10, 1);
    paths.setPeers([{ name: 'c', host: 'c', port: 1 }]);
    expect(paths.states().map(({ peer }) => peer)).toEqual(['c']);
    udp.listeners.tellUnanswered({ peer: 'b', path: 'udp', probes: 100 });
    expect(paths.states().map(({ peer }) => peer)).toEqual(['c']);
  });
});
