import { describe, expect, it } from 'vitest';
import { Mesh, newBench } from './mesh.ts';

const bench = newBench();
const TRIANGLE = [
  ['a', 'b'],
  ['b', 'c'],
  ['a', 'c'],
] as const;

describe('caughtUp', () => {
  it('says true when a third broker has what others published before, and not earlier', async () => {
    const mesh = await Mesh.start(bench, { edges: TRIANGLE });
    const [a, b, c] = ['a', 'b', 'c'].map((id) => mesh.broker(id));
    await mesh.subscribe('t');
    const release = a?.holdAccepts();
    await c?.publish('t', 'of c');
    await b?.publish('t', 'of b');
    expect(await mesh.federation('b').caughtUp('a', 300)).toBe(false);
    const caughtUp = mesh.federation('b').caughtUp('a', 10_000);
    expect(a?.payloads('t')).toEqual([]);
    release?.();
    expect(await caughtUp).toBe(true);
    expect(a?.payloads('t').sort()).toEqual(['of b', 'of c']);
  }, 20_000);

  it('says true at once, as good as, of a broker that wants nothing', async () => {
    const mesh = await Mesh.start(bench, { edges: TRIANGLE });
    for (let each = 0; each < 100; each++) await mesh.broker('c').publish('t', `${each}`);
    expect(await mesh.federation('b').caughtUp('a', 5_000)).toBe(true);
  });

  it('does not wait for a broker that is gone', async () => {
    const mesh = await Mesh.start(bench, { edges: TRIANGLE, limits: { keepAliveMs: 200 } });
    mesh.proxy('a', 'c').stall();
    mesh.proxy('b', 'c').stall();
    expect(await mesh.federation('b').caughtUp('a', 10_000)).toBe(true);
    expect(mesh.federation('b').reachable()).toEqual(['a']);
  }, 20_000);

  it('says false of a broker that nobody has heard of, and when it is stopped', async () => {
    const mesh = await Mesh.start(bench, { edges: TRIANGLE });
    expect(await mesh.federation('b').caughtUp('nobody', 50)).toBe(false);
    const asked = mesh.federation('b').caughtUp('nobody', 60_000);
    await mesh.federation('b').stop();
    expect(await asked).toBe(false);
  });
});
