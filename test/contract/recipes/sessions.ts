import { describe, expect, test } from 'vitest';
import { codeOf } from '../../../core/errors/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { altered, type RecipeBench, TTL_MS } from './recipe-bench.ts';

export function sessionsContract(bench: RecipeBench): void {
  const exists = async (name: string): Promise<boolean> => (await bench.other.get(bench.key(name))) !== undefined;

  describe('sessions', () => {
    test('live far beyond their time to live, and take their keys with them when they are closed', async () => {
      const session = await bench.session();
      await session.putEphemeral(bench.key('a'), 'here');
      await bench.elapse(TTL_MS * 3);
      expect(await bench.other.get(bench.key('a'))).toMatchObject({ value: 'here', leaseId: session.leaseId });
      expect(session.isLost).toBe(false);
      await session.close();
      expect(await exists('a')).toBe(false);
      expect(session.lost.aborted).toBe(true);
      await session.close();
    });

    test('end when their lease is revoked', async () => {
      const session = await bench.session();
      await bench.other.revokeLease(session.leaseId);
      await bench.elapseUntil(async () => session.lost.aborted, TTL_MS);
      expect(codeOf(session.lost.reason)).toBe('LEASE_NOT_FOUND');
      expect(await bench.code(session.putEphemeral(bench.key('a'), '1'))).toBe('LEASE_NOT_FOUND');
    });

    test('know that they are lost before the store does', async () => {
      // Its renewals are swallowed: the store goes on, and so does its count.
      const cut = altered(bench.store, { keepAlive: () => new Promise(() => {}) });
      const session = await bench.session(cut);
      await session.putEphemeral(bench.key('a'), '1');
      const grantedMs = (await bench.store.keepAlive(session.leaseId)).ttlMs;
      let wasThereWhenLost: Promise<boolean> | undefined;
      session.lost.addEventListener('abort', () => {
        wasThereWhenLost = exists('a');
      });
      await bench.elapseUntil(async () => !(await exists('a')), grantedMs + 4_000);
      expect(await wasThereWhenLost).toBe(true);
      expect(codeOf(session.lost.reason)).toBe('LEASE_NOT_FOUND');
    });

    test('count from when the last good renewal was sent, not from its answer', async () => {
      const clock = new VirtualClock();
      const slow = altered(bench.store, {
        grantLease: async (ttlMs) => {
          const lease = await bench.store.grantLease(ttlMs);
          clock.advance(lease.ttlMs * 0.9);
          return lease;
        },
        keepAlive: () => new Promise(() => {}),
      });
      const session = await bench.session(slow, { ...bench.deps, clock });
      expect(session.isLost).toBe(false);
      clock.advance(TTL_MS * 0.1);
      expect(session.lost.aborted).toBe(true);
    });

    test('live through a store that is away for less than their time to live', async () => {
      let failures = 2;
      const session = await bench.session(
        altered(bench.store, {
          keepAlive: (leaseId, options) =>
            failures-- > 0
              ? bench.store.keepAlive(leaseId, { signal: AbortSignal.abort() })
              : bench.store.keepAlive(leaseId, options),
        }),
      );
      await bench.elapse(TTL_MS * 2);
      expect(failures).toBeLessThan(0);
      expect(session.isLost).toBe(false);
      await session.close();
    });

    test('that are lost stay lost: a renewal that comes too late does not bring them back', async () => {
      const { deps, clock, skip } = standstill();
      const answer = Promise.withResolvers<void>();
      const asked = Promise.withResolvers<void>();
      const session = await bench.session(
        altered(bench.store, {
          keepAlive: async (leaseId) => {
            asked.resolve();
            await answer.promise;
            return { id: leaseId, ttlMs: 60_000 };
          },
        }),
        deps,
      );
      clock.advance(TTL_MS / 2);
      await asked.promise;
      skip(TTL_MS);
      answer.resolve();
      await bench.elapse(20);
      expect(session.lost.aborted).toBe(true);
      expect(session.isLost).toBe(true);
    });

    test('are lost in time though timers fire a little early, as those of Node may', async () => {
      const clock = new VirtualClock();
      const early = {
        ...bench.deps,
        clock: {
          monotonicMs: () => clock.monotonicMs(),
          wallMs: () => clock.wallMs(),
          setTimer: (delayMs: number, callback: () => void) => clock.setTimer(delayMs * 0.999, callback),
        },
      };
      const session = await bench.session(altered(bench.store, { keepAlive: () => new Promise(() => {}) }), early);
      clock.advance(TTL_MS);
      expect(session.lost.aborted).toBe(true);
    });

    test('tell by the clock that they are lost, before any timer of theirs has fired', async () => {
      const { deps, skip } = standstill();
      const session = await bench.session(bench.store, deps);
      expect(session.isLost).toBe(false);
      skip(TTL_MS * 5);
      expect(session.isLost).toBe(true);
    });
  });

  /** A process that stands still for a while: its clock has gone on when it wakes, and none of its timers has fired. */
  function standstill() {
    const clock = new VirtualClock();
    let skippedMs = 0;
    return {
      clock,
      skip(durationMs: number): void {
        skippedMs += durationMs;
      },
      deps: {
        ...bench.deps,
        clock: {
          monotonicMs: () => clock.monotonicMs() + skippedMs,
          wallMs: () => clock.wallMs(),
          setTimer: (delayMs: number, callback: () => void) => clock.setTimer(delayMs, callback),
        },
      },
    };
  }
}
