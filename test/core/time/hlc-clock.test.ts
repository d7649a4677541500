import { describe, expect, it } from 'vitest';
import { HlcClock, type HlcPutBack, type HlcRefusal, VirtualClock } from '../../../core/time/index.ts';

const HOUR_MS = 3_600_000;

function create(parts: { aheadMsMax?: number; uncertaintyMs?: () => number } = {}) {
  const clock = new VirtualClock();
  const hlc = new HlcClock({ clock, ...parts });
  const refusals: HlcRefusal[] = [];
  const putBacks: HlcPutBack[] = [];
  hlc.onRefused = (refusal) => refusals.push(refusal);
  hlc.onPutBack((putBack) => putBacks.push(putBack));
  return { clock, hlc, refusals, putBacks };
}

describe('the hybrid logical clock of a node', () => {
  it('follows peers within the bound, a minute unless told otherwise', () => {
    const { clock, hlc } = create();
    const wallMs = clock.wallMs();
    expect(hlc.receive(wallMs + 60_000, 'b')).toBe(true);
    expect(hlc.now()).toBeGreaterThan(wallMs + 60_000);
    expect(hlc.driftMs).toBe(60_000);
    expect(hlc.refused.size).toBe(0);
  });

  it('counts what it refuses by peer, tells of each once a minute, and stays where it is', () => {
    const { clock, hlc, refusals } = create();
    const farMs = clock.wallMs() + HOUR_MS;
    const before = hlc.now();
    for (let time = 0; time < 3; time++) expect(hlc.receive(farMs, 'b')).toBe(false);
    expect(hlc.receive(farMs, 'c')).toBe(false);
    expect(hlc.now() - before).toBeLessThan(1);
    clock.advance(59_999);
    hlc.receive(farMs, 'b');
    expect(refusals).toEqual([
      { peer: 'b', aheadMs: HOUR_MS },
      { peer: 'c', aheadMs: HOUR_MS },
    ]);
    clock.advance(1);
    hlc.receive(farMs, 'b');
    expect(refusals.at(-1)).toEqual({ peer: 'b', aheadMs: HOUR_MS - 60_000 });
    expect(Object.fromEntries(hlc.refused)).toEqual({ b: 5, c: 1 });
  });

  it('counts under one name when peers are more than anybody has', () => {
    const { clock, hlc, refusals } = create();
    for (let peer = 0; peer < 300; peer++) hlc.receive(clock.wallMs() + HOUR_MS, `p${peer}`);
    expect(hlc.refused.size).toBe(257);
    expect(hlc.refused.get('others')).toBe(44);
    expect(refusals).toHaveLength(257);
  });

  it('allows for what it does not know of its own wall time', () => {
    let uncertaintyMs = 5_000;
    const { clock, hlc, putBacks } = create({ aheadMsMax: 1_000, uncertaintyMs: () => uncertaintyMs });
    expect(hlc.receive(clock.wallMs() + 6_000, 'b')).toBe(true);
    expect(hlc.receive(clock.wallMs() + 6_001, 'b')).toBe(false);
    uncertaintyMs = Number.POSITIVE_INFINITY;
    expect(hlc.receive(clock.wallMs() + HOUR_MS, 'b')).toBe(true);
    expect(hlc.now()).toBeGreaterThan(clock.wallMs() + HOUR_MS);
    expect(putBacks).toEqual([]);
    uncertaintyMs = 100;
    expect(hlc.now()).toBeLessThan(clock.wallMs() + 1);
    expect(putBacks).toHaveLength(1);
  });

  it('goes on where it was when the wall time steps back a little, and tells nobody', () => {
    const { clock, hlc, putBacks } = create();
    const before = hlc.now();
    clock.setWallMs(clock.wallMs() - 60_000);
    expect(hlc.now()).toBeGreaterThan(before);
    expect(putBacks).toEqual([]);
  });

  it('begins anew when the wall time was put right, and tells so once, before the next stamp', () => {
    const { clock, hlc, putBacks } = create();
    const rightMs = clock.wallMs();
    clock.setWallMs(rightMs + HOUR_MS);
    const wrongMs = hlc.now();
    clock.setWallMs(rightMs);
    const stampMs = hlc.now();
    expect(putBacks).toEqual([{ fromMs: wrongMs, toMs: rightMs, aboveMs: rightMs + 60_000 }]);
    expect(stampMs).toBeGreaterThan(rightMs);
    expect(hlc.now()).toBeLessThan(rightMs + 1);
    expect(putBacks).toHaveLength(1);
  });

  it('believes an earlier life within the bound, and puts it back beyond', () => {
    const near = create();
    near.hlc.restore(near.clock.wallMs() + 30_000);
    expect(near.hlc.now()).toBeGreaterThan(near.clock.wallMs() + 30_000);
    const far = create();
    const fromMs = far.clock.wallMs() + HOUR_MS;
    far.hlc.restore(fromMs);
    expect(far.hlc.now()).toBeLessThan(far.clock.wallMs() + 1);
    expect(far.putBacks).toMatchObject([{ fromMs, toMs: far.clock.wallMs() }]);
  });
});
