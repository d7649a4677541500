import { describe, expect, test } from 'vitest';
import { codeOf, LatticeError } from '../../../core/errors/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import {
  Fence,
  type HeldLock,
  Lock,
  lockPrefix,
  type Session,
  type TokenStore,
} from '../../../gateway/coordination/index.ts';
import { altered, type RecipeBench, TTL_MS } from './recipe-bench.ts';

export function locksContract(bench: RecipeBench): void {
  const lock = (session: Session, name = 'lock'): Lock => new Lock(session, bench.key(name), { owner: 'test' });
  const queue = (name = 'lock'): Promise<number[]> => bench.queue(lockPrefix(bench.key(name)));
  const waiting = async (count: number): Promise<void> =>
    bench.elapseUntil(async () => (await queue()).length === count, 10_000);

  describe('locks', () => {
    test('are held with a fencing token until they are released', async () => {
      const session = await bench.session();
      const held = await lock(session).acquire();
      expect(held.isHeld()).toBe(true);
      expect(await queue()).toEqual([held.fencingToken]);
      await held.release();
      expect(await queue()).toEqual([]);
      expect(held.isHeld()).toBe(false);
      expect(codeOf(held.lost.reason)).toBe('LOCK_LOST');
      await held.release();
      const again = await lock(session).acquire();
      expect(again.fencingToken).toBeGreaterThan(held.fencingToken);
      await session.close();
    });

    test('go to those who wait in the order in which they came', async () => {
      const sessions = [await bench.session(), await bench.session(bench.other), await bench.session()];
      const first = await lock(sessions[0]!).acquire();
      const order: string[] = [];
      const second = lock(sessions[1]!)
        .acquire()
        .then((held) => {
          order.push('second');
          return held;
        });
      await waiting(2);
      const third = lock(sessions[2]!)
        .acquire()
        .then((held) => {
          order.push('third');
          return held;
        });
      await waiting(3);
      expect(order).toEqual([]);
      await first.release();
      await (await bench.settle(second)).release();
      await bench.settle(third);
      expect(order).toEqual(['second', 'third']);
      await Promise.all(sessions.map((session) => session.close()));
    });

    test('are one session’s own too: it waits for itself', async () => {
      const session = await bench.session();
      const held = await lock(session).acquire();
      expect(await bench.code(bench.settle(lock(session).acquire({ timeoutMs: 200 })))).toBe('LOCK_TIMEOUT');
      await held.release();
      await session.close();
    });

    test('LOCK_TIMEOUT and a cancelled wait leave no place behind', async () => {
      const [one, two] = [await bench.session(), await bench.session(bench.other)];
      const held = await lock(one).acquire();
      expect(await bench.code(bench.settle(lock(two).acquire({ timeoutMs: 200 })))).toBe('LOCK_TIMEOUT');
      const aborter = new AbortController();
      const cancelled = bench.code(lock(two).acquire({ signal: aborter.signal }));
      await waiting(2);
      aborter.abort();
      expect(await bench.settle(cancelled)).toBe('LOCK_TIMEOUT');
      await waiting(1);
      await held.release();
      expect(await queue()).toEqual([]);
      await Promise.all([one.close(), two.close()]);
    });

    test('who gives up in the midst of the queue does not let the next one in', async () => {
      const sessions = await Promise.all([bench.session(), bench.session(bench.other), bench.session()]);
      const held = await lock(sessions[0]!).acquire();
      const middle = bench.code(lock(sessions[1]!).acquire({ timeoutMs: 500 }));
      await waiting(2);
      let hasIt = false;
      const last = lock(sessions[2]!)
        .acquire()
        .then((got) => {
          hasIt = true;
          return got;
        });
      await waiting(3);
      expect(await bench.settle(middle)).toBe('LOCK_TIMEOUT');
      await waiting(2);
      await bench.elapse(300);
      expect(hasIt).toBe(false);
      await held.release();
      await bench.settle(last);
      await Promise.all(sessions.map((session) => session.close()));
    });

    test('twenty contenders: the tokens rise strictly, and never two hold it', async () => {
      const sessions = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          bench.session(bench.cluster.coordinators[n % bench.cluster.coordinators.length]!),
        ),
      );
      let holders = 0;
      let holdersMax = 0;
      const tokens: number[] = [];
      const work = sessions.map(async (session) => {
        const held = await lock(session).acquire();
        holders++;
        holdersMax = Math.max(holdersMax, holders);
        tokens.push(held.fencingToken);
        await bench.store.put(bench.key('work'), String(tokens.length));
        holders--;
        await held.release();
      });
      await bench.settle(Promise.all(work), 25_000);
      expect(holdersMax).toBe(1);
      expect(tokens).toHaveLength(20);
      expect(tokens).toEqual([...new Set(tokens)].toSorted((a, b) => a - b));
      await Promise.all(sessions.map((session) => session.close()));
    });

    test('a release wakes the next one alone', async () => {
      let ranges = 0;
      const counting = altered(bench.store, {
        range: (range, options) => {
          ranges++;
          return bench.store.range(range, options);
        },
      });
      const session = await bench.session(counting);
      const held = await lock(session).acquire();
      const others = Array.from({ length: 10 }, () => lock(session).acquire());
      await waiting(11);
      let before = -1;
      await bench.elapseUntil(async () => {
        const isQuiet = before === ranges;
        before = ranges;
        return isQuiet;
      }, 5_000);
      await held.release();
      const next = await bench.settle(Promise.race(others));
      await bench.elapse(200);
      // The next one looks at the queue, and then at its own key.
      expect(ranges - before).toBeLessThanOrEqual(3);
      await next.release();
      await bench.settle(Promise.all(others.map((other) => other.then((got) => got.release()))));
      await session.close();
    });

    test('are given on when the process of the holder dies', async () => {
      const client = await bench.cluster.connect();
      const dead = await lock(await bench.session(client)).acquire();
      const session = await bench.session(bench.other);
      let wasHeldByDead: boolean | undefined;
      const next = lock(session)
        .acquire()
        .then((held) => {
          wasHeldByDead = dead.isHeld();
          return held;
        });
      await waiting(2);
      await client.close();
      const held = await bench.settle(next, TTL_MS + 6_000);
      expect(held.fencingToken).toBeGreaterThan(dead.fencingToken);
      expect(wasHeldByDead).toBe(false);
      expect(codeOf(dead.lost.reason)).toBe('LOCK_LOST');
      await session.close();
    });

    test('of a holder that stands still go on, and its late write is refused by the fence', async () => {
      const resource = new Resource();
      const fence = await Fence.open(resource);
      // The process is stopped: its clock and its timers stand still, and it does not know it.
      const stopped = { ...bench.deps, clock: new VirtualClock() };
      const old = await lock(await bench.session(bench.store, stopped)).acquire();
      await fence.run(old.fencingToken, () => resource.write('by the old holder'));
      const session = await bench.session(bench.other);
      const held = await bench.settle(lock(session).acquire(), TTL_MS + 6_000);
      await fence.run(held.fencingToken, () => resource.write('by the new holder'));
      const late = fence.run(old.fencingToken, () => resource.write('late'));
      expect(await bench.code(late)).toBe('FENCED');
      expect(resource.written).toEqual(['by the old holder', 'by the new holder']);
      expect(fence.refused).toBe(1);
      stopped.clock.advance(TTL_MS * 10);
      expect(old.isHeld()).toBe(false);
      expect(old.lost.aborted).toBe(true);
      await session.close();
    });

    test('are lost when somebody deletes the key of the holder', async () => {
      const [one, two] = [await bench.session(), await bench.session(bench.other)];
      const held = await lock(one).acquire();
      const next = lock(two).acquire();
      await waiting(2);
      const { keyValues } = await bench.store.range({ prefix: lockPrefix(bench.key('lock')) });
      const mine = keyValues.find(({ createRevision }) => createRevision === held.fencingToken)!;
      expect(mine.value).toBe('test');
      await bench.other.delete({ key: mine.key });
      await bench.elapseUntil(async () => held.lost.aborted, 5_000);
      expect(codeOf(held.lost.reason)).toBe('LOCK_LOST');
      expect((await bench.settle(next)).fencingToken).toBeGreaterThan(held.fencingToken);
      await Promise.all([one.close(), two.close()]);
    });

    test('are not waited for by a session that is lost', async () => {
      const [one, two] = [await bench.session(), await bench.session(bench.other)];
      await lock(one).acquire();
      const next = bench.code(lock(two).acquire());
      await waiting(2);
      await two.close();
      expect(await bench.settle(next)).toBe('LEASE_NOT_FOUND');
      expect(await bench.code(lock(two).acquire())).toBe('LEASE_NOT_FOUND');
      await one.close();
    });

    test('whose names begin alike are different locks', async () => {
      const session = await bench.session();
      const held: HeldLock[] = [];
      for (const name of ['ab', 'a%2Fb', 'a/b', 'a/', 'a']) {
        held.push(await bench.settle(lock(session, name).acquire({ timeoutMs: 2_000 })));
      }
      expect(held.every((one) => one.isHeld())).toBe(true);
      await session.close();
    });

    test('a lost answer costs no second place', async () => {
      let lost = 0;
      const lossy = altered(bench.store, {
        transaction: async (transaction, options) => {
          const result = await bench.store.transaction(transaction, options);
          if (lost++ < 2) throw new LatticeError('COORDINATION_TIMEOUT', 'The answer was lost.');
          return result;
        },
      });
      const session = await bench.session(lossy);
      const held = await bench.settle(lock(session).acquire());
      expect(lost).toBe(3);
      expect(await queue()).toEqual([held.fencingToken]);
      await session.close();
    });

    test('a request for a place that arrives after it was given up leaves none', async () => {
      const late: (() => Promise<unknown>)[] = [];
      const slow = altered(bench.store, {
        transaction: (transaction, options) => {
          if (late.length > 0) return bench.store.transaction(transaction, options);
          late.push(() => bench.store.transaction(transaction));
          return new Promise((_, reject) =>
            options?.signal?.addEventListener('abort', () =>
              reject(new LatticeError('COORDINATION_TIMEOUT', 'It may arrive yet.')),
            ),
          );
        },
      });
      const session = await bench.session(slow);
      expect(await bench.code(bench.settle(lock(session).acquire({ timeoutMs: 100 })))).toBe('LOCK_TIMEOUT');
      await bench.elapseUntil(
        async () =>
          (await bench.store.range({ prefix: `withdrawn/${lockPrefix(bench.key('lock'))}` })).keyValues.length === 1,
        5_000,
      );
      await late[0]!();
      expect(await queue()).toEqual([]);
      await session.close();
    });
  });
}

/** Something that has to be protected, with its token on its own disk. */
class Resource implements TokenStore {
  readonly written: string[] = [];
  #token = 0;

  async load(): Promise<number> {
    return this.#token;
  }

  async save(token: number): Promise<void> {
    this.#token = token;
  }

  async write(text: string): Promise<void> {
    this.written.push(text);
  }
}
