import { describe, expect, it } from 'vitest';
import { SimMesh } from './sim-mesh.ts';

function ring(ids: string[]): [string, string][] {
  return ids.map((id, at) => [id, ids[(at + 1) % ids.length] as string]);
}

function full(ids: string[]): [string, string][] {
  return ids.flatMap((id, at) => ids.slice(at + 1).map((other): [string, string] => [id, other]));
}

const TOPOLOGIES: { name: string; edges: [string, string][]; leaves?: string[] }[] = [
  { name: 'two', edges: [['a', 'b']] },
  { name: 'a triangle', edges: full(['a', 'b', 'c']) },
  { name: 'a ring of 5', edges: ring(['a', 'b', 'c', 'd', 'e']) },
  { name: 'a full mesh of 5', edges: full(['a', 'b', 'c', 'd', 'e']) },
  {
    name: 'a tree',
    edges: [
      ['a', 'b'],
      ['a', 'c'],
      ['b', 'd'],
      ['b', 'e'],
    ],
  },
  {
    name: 'a hub with leaves',
    edges: [
      ['hub', 'leaf1'],
      ['hub', 'leaf2'],
      ['hub', 'leaf3'],
    ],
    leaves: ['leaf1', 'leaf2', 'leaf3'],
  },
];

const MESSAGES = 10_000;

describe('10,000 messages', () => {
  it.each(TOPOLOGIES)('cross $name: one copy each, in order, no storm', async ({ edges, leaves = [] }) => {
    const mesh = await SimMesh.start({ seed: 'topology', edges, leaves, jitterMs: 2 });
    const ids = [...mesh.brokers.keys()];
    for (const broker of mesh.brokers.values()) broker.subscribe('t/#');
    await mesh.run(100);
    for (let i = 0; i < MESSAGES; i++) {
      const id = ids[i % ids.length] as string;
      void mesh.broker(id).publish(`t/${id}/${i % 7}`, `${i}`);
      if (i % 200 === 0) await mesh.run(1);
    }
    await mesh.until(() => ids.every((id) => mesh.broker(id).deliveries.length >= MESSAGES), 60_000);
    await mesh.run(3_000);
    for (const id of ids) {
      const { deliveries } = mesh.broker(id);
      expect(new Set(deliveries).size).toBe(MESSAGES);
      expect(deliveries.length).toBe(MESSAGES);
      for (const origin of ids) {
        const numbers = deliveries
          .filter((text) => text.startsWith(`t/${origin}/`))
          .map((text) => Number(text.split(' ')[1]));
        expect(numbers).toEqual(numbers.toSorted((one, other) => one - other));
      }
    }
    // A tree to all others has one edge for each: a copy crosses each of them once, or again where a window was sent twice.
    expect(mesh.crossings).toBeLessThan(1.2 * MESSAGES * (ids.length - 1));
    expect(mesh.crossings).toBeGreaterThanOrEqual(MESSAGES * (ids.length - 1));
  });
});
