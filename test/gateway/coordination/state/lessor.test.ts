import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lessor } from '../../../../gateway/coordination/state/index.ts';

const LEASE = { id: 'l', ttlMs: 1_000 };

describe('Lessor', () => {
  it('ends a lease its time to live after the last renewal, not before', () => {
    const lessor = new Lessor();
    lessor.becameLeader([], 0);
    lessor.granted(LEASE, 100);
    lessor.granted(LEASE, 600);
    expect(lessor.tick(1_599)).toEqual([]);
    expect(lessor.tick(1_600)).toEqual(['l']);
  });

  it('tells a lease again until the log has revoked it', () => {
    const lessor = new Lessor();
    lessor.becameLeader([LEASE], 0);
    expect(lessor.tick(1_000)).toEqual(['l']);
    expect(lessor.tick(1_999)).toEqual([]);
    expect(lessor.tick(2_000)).toEqual(['l']);
    lessor.revoked('l');
    expect(lessor.tick(9_000)).toEqual([]);
  });

  it('gives a lease its whole time again when a renewal stood in the log before its revocation', () => {
    const lessor = new Lessor();
    lessor.becameLeader([LEASE], 0);
    expect(lessor.tick(1_000)).toEqual(['l']);
    lessor.granted(LEASE, 1_200);
    expect(lessor.tick(2_199)).toEqual([]);
    expect(lessor.tick(2_200)).toEqual(['l']);
  });

  it('gives every lease its whole time again when it takes over', () => {
    const lessor = new Lessor();
    lessor.becameLeader([LEASE], 0);
    lessor.resigned();
    expect(lessor.tick(5_000)).toEqual([]);
    lessor.becameLeader([LEASE], 5_000);
    expect(lessor.tick(5_999)).toEqual([]);
    expect(lessor.tick(6_000)).toEqual(['l']);
  });

  it('knows nothing of leases while it does not lead', () => {
    const lessor = new Lessor();
    lessor.granted(LEASE, 0);
    expect(lessor.leads).toBe(false);
    expect(lessor.tick(10_000)).toEqual([]);
  });

  it('ends exactly what a list of end times ends, whatever happens in between', () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 900 }),
      what: fc.constantFrom('grant', 'renew', 'revoke', 'tick'),
      id: fc.constantFrom('a', 'b', 'c'),
      ttlMs: fc.integer({ min: 1_000, max: 3_000 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const lessor = new Lessor();
        lessor.becameLeader([], 0);
        const ends = new Map<string, { ttlMs: number; endsMs: number }>();
        let nowMs = 0;
        for (const { waitMs, what, id, ttlMs } of steps) {
          nowMs += waitMs;
          const lease = ends.get(id);
          if (what === 'grant' && lease === undefined) {
            lessor.granted({ id, ttlMs }, nowMs);
            ends.set(id, { ttlMs, endsMs: nowMs + ttlMs });
          } else if (what === 'renew') {
            if (lease === undefined) continue;
            lessor.granted({ id, ttlMs: lease.ttlMs }, nowMs);
            lease.endsMs = nowMs + lease.ttlMs;
          } else if (what === 'revoke') {
            lessor.revoked(id);
            ends.delete(id);
          } else if (what === 'tick') {
            const ended = [...ends].filter(([, { endsMs }]) => endsMs <= nowMs).map(([ending]) => ending);
            expect(lessor.tick(nowMs)).toEqual(ended);
            for (const ending of ended) {
              lessor.revoked(ending);
              ends.delete(ending);
            }
          }
        }
      }),
    );
  });
});
