import { describe, expect, it } from 'vitest';
import { BACKOFF, Roaming, type RoamingOptions } from '../../../core/device-link/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';

const A = 'mqtt://a:1883';
const B = 'mqtt://b:1883';

function setUp(options: Partial<RoamingOptions> = {}) {
  const clock = new VirtualClock();
  const counts = { leave: 0 };
  const roaming = new Roaming({
    brokers: [A, B],
    ownBroker: 0,
    clock,
    random: seededRandom(1),
    onLeave: () => {
      counts.leave++;
    },
    ...options,
  });
  const told = (isDraining: boolean): void => {
    const common = { weight: 1, atMs: 0 };
    const list = [
      { ...common, id: 'a', urls: [A], isDraining, isSelf: true },
      { ...common, id: 'b', urls: [B], isDraining: false, isSelf: false },
    ];
    roaming.takeList(Buffer.from(JSON.stringify(list)));
  };
  /** How long the next attempt has to wait, ms. */
  const waitMs = async (): Promise<number> => {
    const startMs = clock.monotonicMs();
    const waited = roaming.wait(new AbortController().signal);
    clock.advance((clock.nextDueMs() ?? startMs) - startMs);
    await waited;
    return clock.monotonicMs() - startMs;
  };
  return { clock, counts, roaming, told, waitMs };
}

describe('a client that roams', () => {
  it('waits a little before the next broker, and longer once all had their turn', async () => {
    const { roaming, waitMs } = setUp();
    expect(await waitMs()).toBe(0);
    const tries: [string, number][] = [];
    for (let attempt = 0; attempt < 4; attempt++) {
      const url = roaming.next();
      roaming.ended('failed');
      tries.push([url, await waitMs()]);
    }
    expect(tries.map(([url]) => url)).toEqual([A, B, A, B]);
    for (const [, ms] of tries.slice(0, 2)) expect(ms).toBeLessThanOrEqual(250);
    for (const [, ms] of tries.slice(2)) expect(ms).toBeGreaterThanOrEqual(250);
  });

  it('leaves a broker that drains at a moment of its own within 2 s, and connects elsewhere shortly after', async () => {
    const { clock, counts, roaming, told, waitMs } = setUp();
    roaming.connected(roaming.next());
    told(true);
    told(true);
    expect(counts.leave).toBe(0);
    clock.advance(2_000);
    expect(counts.leave).toBe(1);
    roaming.ended('left');
    const ms = await waitMs();
    expect(ms).toBeGreaterThanOrEqual(BACKOFF.firstMs / 2);
    expect(ms).toBeLessThanOrEqual(BACKOFF.firstMs);
    expect(roaming.next()).toBe(B);
  });

  it('goes back to its own broker when that has been back for 10 s, within half a minute', () => {
    const { clock, counts, roaming } = setUp();
    roaming.connected(B);
    const common = { weight: 1, atMs: 0, isDraining: false };
    const list = [
      { ...common, id: 'a', urls: [A], isSelf: false },
      { ...common, id: 'b', urls: [B], isSelf: true },
    ];
    roaming.takeList(Buffer.from(JSON.stringify(list)));
    clock.advance(10_000);
    expect(counts.leave).toBe(0);
    roaming.takeList(Buffer.from(JSON.stringify(list)));
    clock.advance(30_000);
    expect(counts.leave).toBe(1);
    roaming.ended('left');
    expect(roaming.next()).toBe(A);
  });

  it('stays when the draining is undone in time', () => {
    const { clock, counts, roaming, told } = setUp();
    roaming.connected(roaming.next());
    told(true);
    told(false);
    clock.advance(5_000);
    expect(counts.leave).toBe(0);
  });

  it('leaves what is no list alone', () => {
    const { roaming } = setUp();
    roaming.connected(roaming.next());
    for (const text of ['', 'x', '{}', '[{"id":"a"}]', '[{"id":"a","urls":["http://x"]}]']) {
      roaming.takeList(Buffer.from(text));
    }
    roaming.ended('failed');
    expect(roaming.next()).toBe(B);
  });

  it('with patience tries the broker that was lost alone for that long, but not one that turns it away', () => {
    const { clock, roaming } = setUp({ patienceMs: 5_000 });
    roaming.connected(roaming.next());
    clock.advance(60_000);
    roaming.ended('failed');
    for (let attempt = 0; attempt < 2; attempt++) {
      clock.advance(2_400);
      expect(roaming.next()).toBe(A);
      roaming.ended('failed');
    }
    clock.advance(200);
    expect(roaming.next()).toBe(B);
    roaming.connected(B);
    roaming.ended('failed');
    expect(roaming.next()).toBe(B);
    roaming.ended('turnedAway');
    expect(roaming.next()).toBe(A);
  });
});
