import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { drained, linkOf, Mesh, newBench } from './mesh.ts';

const bench = newBench();

type Edge = readonly [string, string];

const TOPOLOGIES: { name: string; edges: readonly Edge[] }[] = [
  { name: 'a triangle', edges: full('a', 'b', 'c') },
  { name: 'a ring of 4', edges: ring('a', 'b', 'c', 'd') },
  { name: 'a full mesh of 5', edges: full('a', 'b', 'c', 'd', 'e') },
];

const MESSAGES = 10_000;

function ring(...ids: string[]): Edge[] {
  return ids.map((id, at) => [id, ids[(at + 1) % ids.length] as string]);
}

function full(...ids: string[]): Edge[] {
  return ids.flatMap((id, at) => ids.slice(at + 1).map((other): Edge => [id, other]));
}

/** Messages that crossed any link. */
function crossings(mesh: Mesh): number {
  const states = [...mesh.federations.values()].flatMap((federation) => federation.states());
  return states.reduce((sum, { sent, forwarded }) => sum + sent + forwarded, 0);
}

function numbersFrom(mesh: Mesh, at: string, origin: string): number[] {
  return mesh.broker(at).payloads(`t/${origin}`).map(Number);
}

describe(`${MESSAGES} messages`, () => {
  it.each(TOPOLOGIES)(
    'cross $name over TCP: one copy each to each subscriber, in order, no storm',
    async ({ edges }) => {
      const mesh = await Mesh.start(bench, { edges });
      const ids = [...mesh.brokers.keys()];
      await mesh.subscribe('t/#');
      const expected = new Map<string, number[]>(ids.map((id) => [id, []]));
      const published: Promise<void>[] = [];
      for (let i = 0; i < MESSAGES; i++) {
        const id = ids[i % ids.length] as string;
        expected.get(id)?.push(i);
        published.push(mesh.broker(id).publish(`t/${id}`, `${i}`, { qos: i % 3 === 0 ? 2 : 1 }));
        if (i % 50 === 0) await published.at(-1);
      }
      await Promise.all(published);
      await drained(...mesh.federations.values());
      for (const id of ids) {
        for (const origin of ids)
          expect(numbersFrom(mesh, id, origin), `${origin} at ${id}`).toEqual(expected.get(origin));
        expect(mesh.broker(id).duplicates).toBe(0);
      }
      // Each message takes one link for each broker but its own, and more only where something was sent again.
      expect(crossings(mesh)).toBeGreaterThanOrEqual(MESSAGES * (ids.length - 1));
      expect(crossings(mesh)).toBeLessThan(1.2 * MESSAGES * (ids.length - 1));
    },
    30_000,
  );

  it.each(TOPOLOGIES)('of QoS 0 cross $name: one copy each, in order, and nothing is stored', async ({ edges }) => {
    const mesh = await Mesh.start(bench, { edges });
    const ids = [...mesh.brokers.keys()];
    await mesh.subscribe('t/#');
    for (let i = 0; i < MESSAGES; i++) {
      const id = ids[i % ids.length] as string;
      await mesh.broker(id).publish(`t/${id}`, `${i}`, { qos: 0 });
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => {
      for (const broker of mesh.brokers.values()) expect(broker.deliveries.length).toBeGreaterThanOrEqual(MESSAGES);
    });
    for (const id of ids) {
      for (const origin of ids) {
        const numbers = Array.from({ length: MESSAGES }, (_, i) => i).filter((i) => ids[i % ids.length] === origin);
        expect(numbersFrom(mesh, id, origin), `${origin} at ${id}`).toEqual(numbers);
      }
      expect(mesh.broker(id).journal.nextPosition).toBe(0);
    }
    expect(crossings(mesh)).toBe(MESSAGES * (ids.length - 1));
  });
});

/** Publishes numbers at a until it is stopped; resolves with how many were acknowledged. */
function publishing(mesh: Mesh): { stop(): Promise<number> } {
  let isStopped = false;
  const run = async (): Promise<number> => {
    let count = 0;
    while (!isStopped) {
      await Promise.all(Array.from({ length: 5 }, (_, i) => mesh.broker('a').publish('t/a', `${count + i}`)));
      count += 5;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return count;
  };
  const counted = run();
  return {
    stop: () => {
      isStopped = true;
      return counted;
    },
  };
}

describe('a link that is killed in the middle of a stream', () => {
  /** From the kill until a message that was published after it has come through. */
  async function convergenceMs(mesh: Mesh, subscriber: string, kill: () => void): Promise<number> {
    await eventually(() => expect(numbersFrom(mesh, subscriber, 'a').length).toBeGreaterThan(100));
    const killedAt = performance.now();
    kill();
    await mesh.broker('a').publish('t/mark', 'after');
    await eventually(() => expect(mesh.broker(subscriber).payloads('t/mark')).toHaveLength(1), 5_000, 2);
    return performance.now() - killedAt;
  }

  async function lostNothing(mesh: Mesh, sent: number): Promise<void> {
    await drained(mesh.federation('a'));
    for (const [id, broker] of mesh.brokers) {
      expect(numbersFrom(mesh, id, 'a'), `at ${id}`).toEqual(Array.from({ length: sent }, (_, i) => i));
      expect(broker.duplicates).toBe(0);
    }
  }

  it('of a tree loses nothing, keeps the order, and carries again in less than a second', async () => {
    const mesh = await Mesh.start(bench, {
      edges: [
        ['a', 'b'],
        ['a', 'c'],
        ['b', 'd'],
        ['b', 'e'],
      ],
    });
    await mesh.subscribe('t/#');
    const stream = publishing(mesh);
    const ms = await convergenceMs(mesh, 'd', () => mesh.proxy('a', 'b').reset());
    const sent = await stream.stop();
    console.log(`tree: carried again ${Math.round(ms)} ms after the link was killed`);
    await lostNothing(mesh, sent);
    expect(ms).toBeLessThan(1_000);
  });

  it('of a ring takes the other way in less than a second, and the short one again when it is back', async () => {
    const mesh = await Mesh.start(bench, { edges: ring('a', 'b', 'c', 'd') });
    await mesh.subscribe('t/#');
    const pathTo = (to: string) =>
      mesh
        .federation('a')
        .streams()
        .find((stream) => stream.to === to)?.path;
    expect(pathTo('b')).toEqual(['b']);
    const stream = publishing(mesh);
    const ms = await convergenceMs(mesh, 'b', () => mesh.proxy('a', 'b').cut());
    console.log(`ring: carried again ${Math.round(ms)} ms after the link was killed`);
    expect(pathTo('b')).toEqual(['d', 'c', 'b']);
    mesh.proxy('a', 'b').mend();
    await eventually(() => expect(pathTo('b')).toEqual(['b']));
    await lostNothing(mesh, await stream.stop());
    expect(ms).toBeLessThan(1_000);
  });

  it('of a ring without a word is passed by as soon as it is found, three keep-alive periods at most', async () => {
    const keepAliveMs = 200;
    const mesh = await Mesh.start(bench, { edges: ring('a', 'b', 'c', 'd'), limits: { keepAliveMs } });
    await mesh.subscribe('t/#');
    const stream = publishing(mesh);
    const ms = await convergenceMs(mesh, 'b', () => mesh.proxy('a', 'b').silence('toTarget'));
    console.log(`ring: carried again ${Math.round(ms)} ms after the link fell silent`);
    expect(linkOf(mesh.federation('a'), 'b').state).not.toBe('up');
    await lostNothing(mesh, await stream.stop());
    expect(ms).toBeLessThan(3 * keepAliveMs + 300);
  });
});
