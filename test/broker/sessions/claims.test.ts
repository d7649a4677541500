import { describe, expect, it } from 'vitest';
import { Claims } from '../../../broker/sessions/index.ts';
import { codeOf } from '../../../core/errors/index.ts';
import { type Random, seededRandom } from '../../../core/random/index.ts';
import { HlcClock, VirtualClock } from '../../../core/time/index.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';
import { FakeNetwork } from './fake-network.ts';

const TIMEOUT_MS = 500;

const HOUR_MS = 3_600_000;

interface Place {
  claims: Claims;
  clock: ShiftedClock;
  /** Client ids of the kept sessions, with their owners. */
  kept: Map<string, string | undefined>;
  live: Map<number, string>;
  fetched: string[];
}

let connections = 0;

/** Brokers with nothing but claims, each with a wall clock of its own: some seconds wrong, or by as much as is given. */
function createMesh(seed: string | number, ids: string[], aheadMs: Record<string, number> = {}) {
  const random = seededRandom(`${seed}`);
  const clock = new VirtualClock();
  const network = new FakeNetwork(clock, random.fork('network'));
  const outcomes: string[] = [];
  const closed = new Set<number>();
  const places = new Map<string, Place>();
  for (const id of ids) {
    const own = new ShiftedClock(aheadMs[id] ?? random.fork(id).below(20_000) - 10_000, clock);
    const kept = new Map<string, string | undefined>();
    const live = new Map<number, string>();
    const fetched: string[] = [];
    const claims: Claims = new Claims({
      cluster: network.join(id),
      clock: own,
      hlc: new HlcClock({ clock: own }),
      timeoutMs: TIMEOUT_MS,
      sessionOf: (clientId) => (kept.has(clientId) ? { username: kept.get(clientId) } : undefined),
      close: (clientId, connection, error) => {
        outcomes.push(`${id} ${error.code}`);
        closed.add(connection);
        live.delete(connection);
        claims.gone(clientId, connection);
      },
      end: (clientId) => kept.delete(clientId),
      fetch: (clientId, from) => fetched.push(`${clientId} ${from}`),
    });
    places.set(id, { claims, clock: own, kept, live, fetched });
  }
  clock.advance(1_000);
  const place = (id: string): Place => places.get(id) as Place;
  const connect = async (id: string, clientId: string, username = 'u', isClean = true): Promise<string[]> => {
    const connection = connections++;
    const { claims, live } = place(id);
    try {
      const holders = await claims.claim({ clientId, connection, username, isClean });
      // It may be closed between the decision to let it in and this line.
      if (closed.has(connection)) return [];
      // The MQTT server itself closes an older connection of its own.
      for (const [older, id] of [...live]) {
        if (id !== clientId) continue;
        live.delete(older);
        claims.gone(clientId, older);
      }
      live.set(connection, clientId);
      outcomes.push(`${id} in`);
      return holders;
    } catch (error) {
      outcomes.push(`${id} refused ${codeOf(error)}`);
      claims.gone(clientId, connection);
      return [];
    }
  };
  const survivors = (clientId: string): string[] =>
    ids.flatMap((id) => [...place(id).live.values()].filter((each) => each === clientId).map(() => id));
  return { clock, network, random, place, connect, survivors, outcomes };
}

/** Moves the clock in small steps, so that promises settle between the timers. */
async function run(clock: VirtualClock, durationMs: number, stepMs = 10): Promise<void> {
  for (let at = 0; at < durationMs; at += stepMs) {
    clock.advance(stepMs);
    await Promise.resolve();
    await Promise.resolve();
    await Promise.resolve();
  }
}

function pick<T>(random: Random, items: readonly T[]): T {
  return items[random.below(items.length)] as T;
}

describe('claims', () => {
  it('lets a client in at once when there is no other broker', async () => {
    const { connect, survivors } = createMesh('alone', ['a']);
    expect(await connect('a', 'x')).toEqual([]);
    expect(survivors('x')).toEqual(['a']);
  });

  it('takes one round trip, and tells who keeps a session', async () => {
    const { connect, place, clock } = createMesh('kept', ['a', 'b', 'c']);
    place('c').kept.set('x', 'u');
    const holders = connect('a', 'x', 'u', false);
    await run(clock, 20);
    expect(await holders).toEqual(['c']);
  });

  it('closes the older connection when the client comes elsewhere', async () => {
    const { connect, survivors, outcomes, clock } = createMesh('move', ['a', 'b']);
    void connect('a', 'x');
    await run(clock, 100);
    void connect('b', 'x');
    await run(clock, 100);
    expect(survivors('x')).toEqual(['b']);
    expect(outcomes).toEqual(['a in', 'a SESSION_TAKEN_OVER', 'b in']);
  });

  it('refuses another account while the client id is in use or kept', async () => {
    const { connect, survivors, place, outcomes, clock } = createMesh('accounts', ['a', 'b']);
    place('a').kept.set('y', 'olga');
    void connect('a', 'x', 'olga');
    await run(clock, 100);
    void connect('b', 'x', 'mallory');
    void connect('b', 'y', 'mallory');
    await run(clock, 100);
    expect(survivors('x')).toEqual(['a']);
    expect(outcomes).toEqual(['a in', 'b refused CLIENT_ID_TAKEN', 'b refused CLIENT_ID_TAKEN']);
  });

  it('ends what others keep once a clean session is in, and not when its CONNECT was refused', async () => {
    const { connect, place, clock } = createMesh('clean', ['a', 'b', 'c']);
    place('a').kept.set('x', 'u');
    place('a').kept.set('y', 'u');
    place('b').kept.set('y', 'other');
    void connect('c', 'x');
    void connect('c', 'y');
    await run(clock, 1_000);
    expect([...place('a').kept.keys()]).toEqual(['y']);
  });

  it('lets a client in at the deadline, and fetches from a broker that answers later', async () => {
    const { connect, place, clock, network, outcomes } = createMesh('late', ['a', 'b']);
    place('b').kept.set('x', 'u');
    network.faults = { delayMsMax: 5, loss: 1, duplication: 0 };
    void connect('a', 'x', 'u', false);
    await run(clock, TIMEOUT_MS - 20);
    expect(outcomes).toEqual([]);
    await run(clock, 40);
    expect(outcomes).toEqual(['a in']);
    network.faults = { delayMsMax: 5, loss: 0, duplication: 0 };
    await run(clock, 6_000);
    expect(place('a').fetched).toEqual(['x b']);
  });

  it('finds two live connections when a partition heals', async () => {
    const { connect, survivors, network, clock } = createMesh('heal', ['a', 'b', 'c']);
    network.partition(['a'], ['b', 'c']);
    await run(clock, 200);
    void connect('a', 'x');
    void connect('b', 'x');
    await run(clock, 1_000);
    expect(survivors('x')).toHaveLength(2);
    network.partition();
    await run(clock, 1_000);
    expect(survivors('x')).toHaveLength(1);
  });

  it('is not disturbed by datagrams that are no claims', async () => {
    const { connect, survivors, network, clock } = createMesh('hostile', ['a', 'b']);
    const node = network.node('a');
    for (const body of ['', 'null', '[{}]', '[{"clientId":"x","stampMs":-1}]', '{', '\u0000']) {
      node?.send('b', 'claim', Buffer.from(body));
      node?.send('b', 'claim-answer', Buffer.from(body));
    }
    await run(clock, 50);
    void connect('b', 'x');
    await run(clock, 50);
    expect(survivors('x')).toEqual(['b']);
  });

  describe('of a broker whose clock is an hour ahead', () => {
    it.each([
      ['it comes to it', 'b', 'a'],
      ['it comes from it', 'a', 'b'],
    ])('are worth no more than others: the client is where it connected last, when %s', async (_, first, second) => {
      const { connect, survivors, place, outcomes, clock } = createMesh('ahead', ['a', 'b', 'c'], { a: HOUR_MS });
      place(first).kept.set('x', 'u');
      for (const [id, holders] of [
        [first, []],
        [second, [first]],
        [first, []],
        [second, [first]],
      ] as const) {
        const found = connect(id, 'x', 'u', false);
        // One round trip, and the asking again.
        await run(clock, 150);
        expect(survivors('x'), outcomes.join(', ')).toEqual([id]);
        expect(await found).toEqual(holders);
        const stampMs = place(id).claims.stampOf('x') as number;
        const [other] = [first, second].filter((each) => each !== id) as [string];
        expect(place(other).claims.isCurrent('x', stampMs, id)).toBe(true);
        await run(clock, 1_000);
      }
    });

    it('are made anew when it is put right, and nobody is put out', async () => {
      const { connect, survivors, place, outcomes, clock, network } = createMesh('right', ['a', 'b'], { a: HOUR_MS });
      void connect('a', 'x');
      void connect('b', 'y');
      await run(clock, 1_000);
      const wrongMs = place('a').claims.stampOf('x') as number;
      place('a').clock.aheadMs = 0;
      // Something has to be stamped for the clock to be looked at.
      void connect('a', 'z');
      await run(clock, 1_000);
      expect(wrongMs - (place('a').claims.stampOf('x') as number)).toBeGreaterThan(HOUR_MS - 60_000);
      expect([survivors('x'), survivors('y'), survivors('z')]).toEqual([['a'], ['b'], ['a']]);
      const sent = network.sent;
      await run(clock, 20_000);
      expect(network.sent).toBe(sent);
      void connect('b', 'x');
      await run(clock, 50);
      expect([survivors('x'), outcomes.at(-1)]).toEqual([['b'], 'b in']);
    });

    it('and those of another broker leave exactly one of simultaneous connects: 300 seeds', async () => {
      for (let seed = 0; seed < 300; seed++) {
        const mesh = createMesh(seed, ['a', 'b'], { a: HOUR_MS });
        const { clock, network, random, connect, survivors, outcomes } = mesh;
        network.faults = { delayMsMax: 1 + random.below(400), loss: random.next() * 0.5, duplication: 0.2 };
        for (let each = 0; each < 4; each++) {
          clock.setTimer(random.below(300), () => void connect(pick(random, ['a', 'b']), 'x'));
        }
        if (random.next() < 0.4) {
          clock.setTimer(random.below(300), () => network.partition(['a'], ['b']));
          clock.setTimer(1_500, () => network.partition());
        }
        await run(clock, 30_000, 50);
        expect(survivors('x'), `seed ${seed}: ${outcomes.join(', ')}`).toHaveLength(1);
      }
    }, 60_000);

    it('never leave two in a mesh of four, and a client that was put out comes in again: 300 seeds', async () => {
      const ids = ['a', 'b', 'c', 'd'];
      for (let seed = 0; seed < 300; seed++) {
        const { clock, network, random, connect, survivors, outcomes } = createMesh(seed, ids, { a: HOUR_MS });
        network.faults = { delayMsMax: 1 + random.below(400), loss: random.next() * 0.5, duplication: 0.2 };
        for (let each = 0; each < 4; each++) {
          clock.setTimer(random.below(300), () => void connect(pick(random, ids), 'x'));
        }
        await run(clock, 30_000, 50);
        const alive = survivors('x');
        expect(alive.length, `seed ${seed}: ${outcomes.join(', ')}`).toBeLessThanOrEqual(1);
        if (alive.length === 1) continue;
        const again = pick(random, ids);
        void connect(again, 'x');
        await run(clock, 30_000, 50);
        expect(survivors('x'), `seed ${seed}: ${outcomes.join(', ')}`).toEqual([again]);
      }
    }, 60_000);
  });

  it('leaves exactly one of simultaneous connects alive: 1,000 seeds of delay, loss, reorder and partitions', async () => {
    const ids = ['a', 'b', 'c', 'd'];
    for (let seed = 0; seed < 1_000; seed++) {
      const { clock, network, random, connect, survivors, outcomes } = createMesh(seed, ids);
      network.faults = {
        delayMsMax: 1 + random.below(400),
        loss: random.next() * 0.5,
        duplication: random.next() * 0.3,
      };
      const isPartitioned = random.next() < 0.4;
      const count = 2 + random.below(4);
      for (let each = 0; each < count; each++) {
        const username = random.next() < 0.2 ? 'other' : 'u';
        clock.setTimer(random.below(300), () => void connect(pick(random, ids), 'x', username));
      }
      if (isPartitioned) {
        const cut = 1 + random.below(3);
        clock.setTimer(random.below(300), () => network.partition(ids.slice(0, cut), ids.slice(cut)));
        clock.setTimer(1_500, () => network.partition());
      }
      await run(clock, 30_000, 50);
      expect(survivors('x'), `seed ${seed}: ${outcomes.join(', ')}`).toHaveLength(1);
    }
  }, 60_000);
});
