import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { PROBE_LIMITS } from '../../../../gateway/clock/probe/limits.ts';
import type { Probe } from '../../../../gateway/clock/probe/packet.ts';
import { Prober } from '../../../../gateway/clock/probe/prober.ts';
import { A, replyOf } from './packets.ts';

function newProber(limits: Partial<typeof PROBE_LIMITS> = {}): Prober {
  const random = seededRandom('nonces');
  const nonce = () =>
    random
      .below(2 ** 32)
      .toString(16)
      .padStart(16, '0');
  const boot = 'a0a1a2a3a4a5a6a7';
  return new Prober({ own: A, boot, nonce, firstSequence: 100, limits: { ...PROBE_LIMITS, ...limits } });
}

/** Sends a probe at a time. */
function sendTo(prober: Prober, peer: string, t1Ms: number): Probe {
  const probe = prober.make(peer) as Probe;
  prober.sent(probe, t1Ms);
  return probe;
}

describe('the prober', () => {
  it('makes an exchange of a probe and its reply, once', () => {
    const prober = newProber();
    const probe = sendTo(prober, 'b', 1_000);
    const reply = replyOf(probe);
    expect(prober.settle(reply, 1_000.5)).toEqual({
      stamps: { t1Ms: 1_000, t2Ms: 5_000, t3Ms: 5_000.25, t4Ms: 1_000.5 },
    });
    expect(prober.settle(reply, 1_000.6)).toEqual({ refusal: 'replayed' });
    expect(prober.nextExpiryMs()).toBe(undefined);
  });

  it('numbers the probes to each peer by themselves', () => {
    const prober = newProber();
    const sequences = ['b', 'c', 'b', 'c', 'c'].map((peer) => sendTo(prober, peer, 0).sequence);
    expect(sequences).toEqual([100, 100, 101, 101, 102]);
  });

  it('refuses what it did not ask, by name, and takes the right reply after that', () => {
    const prober = newProber();
    const probe = sendTo(prober, 'b', 0);
    const reply = replyOf(probe);
    expect(prober.settle({ ...reply, nonce: 'ffffffffffffffff' }, 1)).toEqual({ refusal: 'unasked' });
    expect(prober.settle({ ...reply, sequence: 99 }, 1)).toEqual({ refusal: 'unasked' });
    expect(prober.settle({ ...reply, sender: { site: 'home', name: 'c' } }, 1)).toEqual({ refusal: 'wrongPeer' });
    expect(prober.settle(reply, 1)).toHaveProperty('stamps');
  });

  it('refuses stamps that cannot be', () => {
    const prober = newProber();
    const settle = (t2Ms: number, t3Ms: number) => prober.settle(replyOf(sendTo(prober, 'b', 0), { t2Ms, t3Ms }), 1);
    expect(settle(10, 9)).toEqual({ refusal: 'impossible' });
    expect(settle(10, 12)).toEqual({ refusal: 'impossible' });
    expect(settle(-1e300, 1e300)).toEqual({ refusal: 'impossible' });
    expect(settle(10, 11)).toHaveProperty('stamps');
    expect(settle(10, 10)).toHaveProperty('stamps');
  });

  it('gives up what is not answered in time, and knows the reply that comes later', () => {
    const prober = newProber({ timeoutMs: 100 });
    const first = sendTo(prober, 'b', 0);
    const second = sendTo(prober, 'b', 50);
    sendTo(prober, 'c', 50);
    expect(prober.expire(100)).toEqual(new Map());
    expect(prober.nextExpiryMs()).toBe(100);
    expect(prober.settle(replyOf(second), 151)).toEqual({ refusal: 'late' });
    expect(prober.expire(151)).toEqual(
      new Map([
        ['b', 2],
        ['c', 1],
      ]),
    );
    expect(prober.settle(replyOf(first), 152)).toEqual({ refusal: 'late' });
  });

  it('keeps within its bounds', () => {
    const prober = newProber({ outstandingMax: 3, settledMax: 2 });
    const probes = [0, 1, 2].map((t1Ms) => sendTo(prober, 'b', t1Ms));
    expect(prober.make('b')).toBe(undefined);
    for (const probe of probes) expect(prober.settle(replyOf(probe), 3)).toHaveProperty('stamps');
    expect(probes.map((probe) => prober.settle(replyOf(probe), 4))).toEqual([
      { refusal: 'unasked' },
      { refusal: 'replayed' },
      { refusal: 'replayed' },
    ]);
    expect(prober.make('b')).toBeDefined();
  });

  it('accounts for every probe once, whatever is lost, repeated or late', () => {
    const fates = fc.array(
      fc.record({
        peer: fc.constantFrom('b', 'c'),
        replies: fc.array(fc.integer({ min: 1, max: 250 }), { maxLength: 3 }),
      }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(fates, (probes) => {
        const prober = newProber({ timeoutMs: 100 });
        const arrivals: { atMs: number; nth: number; probe: Probe }[] = [];
        for (const [nth, { peer, replies }] of probes.entries()) {
          const probe = sendTo(prober, peer, nth);
          for (const afterMs of replies) arrivals.push({ atMs: nth + afterMs, nth, probe });
        }
        arrivals.sort((one, other) => one.atMs - other.atMs);
        const answered = new Set<number>();
        let unanswered = 0;
        const expire = (nowMs: number): void => {
          for (const count of prober.expire(nowMs).values()) unanswered += count;
        };
        for (const { atMs, nth, probe } of arrivals) {
          expire(atMs);
          const settled = prober.settle(replyOf(probe), atMs);
          const isInTime = atMs - nth <= 100;
          if (isInTime && !answered.has(nth)) expect(settled).toHaveProperty('stamps');
          else expect(settled).toEqual({ refusal: answered.has(nth) ? 'replayed' : 'late' });
          if (isInTime) answered.add(nth);
        }
        expire(1e6);
        expect(answered.size + unanswered).toBe(probes.length);
        expect(prober.nextExpiryMs()).toBe(undefined);
      }),
    );
  });
});
