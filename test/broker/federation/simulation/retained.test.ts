import { describe, expect, it } from 'vitest';
import { SimMesh } from './sim-mesh.ts';

const CHAIN: [string, string][] = [
  ['a', 'b'],
  ['b', 'c'],
  ['c', 'd'],
];

function isAlike(mesh: SimMesh): boolean {
  const texts = [...mesh.brokers.values()].map((broker) => broker.retainedText());
  return texts.every((text) => text === texts[0]);
}

describe('retained messages', () => {
  it('set and deleted on both sides of a partition are alike afterwards, at a cost by the differences', async () => {
    const mesh = await SimMesh.start({ seed: 'retained', edges: CHAIN });
    for (let i = 0; i < 5_000; i++) void mesh.broker('a').publish(`r/${i}`, `first ${i}`, { retain: true });
    await mesh.until(() => isAlike(mesh) && mesh.broker('d').retainedSet.size === 5_000, 20_000);
    await mesh.run(5_000);
    mesh.cut('b', 'c');
    await mesh.run(100);
    for (let i = 0; i < 20; i++) {
      void mesh.broker('a').publish(`r/${i}`, i % 2 === 0 ? '' : `left ${i}`, { retain: true });
      void mesh.broker('d').publish(`r/${i + 10}`, i % 2 === 0 ? `right ${i}` : '', { retain: true });
    }
    await mesh.run(2_000);
    expect(isAlike(mesh)).toBe(false);
    const before = mesh.bytesOf('b', 'c');
    mesh.mend('b', 'c');
    const tookMs = await mesh.until(() => isAlike(mesh), 10_000);
    const bytes = mesh.bytesOf('b', 'c') - before;
    console.log(`40 differences in 5,000: alike after ${Math.round(tookMs)} ms, ${bytes} bytes`);
    expect(bytes).toBeLessThan(40 * 1_000);
    const kept = mesh.broker('b').retainedSet;
    expect(Buffer.from(kept.get('r/3')?.payload ?? '').toString()).toBe('left 3');
    expect(kept.get('r/2')?.payload.length).toBe(0);
    expect(Buffer.from(kept.get('r/28')?.payload ?? '').toString()).toBe('right 18');
  });

  it('reach a broker that lost its disk, though nobody publishes them again', async () => {
    const mesh = await SimMesh.start({ seed: 'empty', edges: CHAIN });
    for (let i = 0; i < 200; i++) void mesh.broker('a').publish(`r/${i}`, `${i}`, { retain: true });
    await mesh.until(() => isAlike(mesh) && mesh.broker('d').retainedSet.size === 200, 20_000);
    mesh.kill('d');
    await mesh.run(100);
    await mesh.revive('d', { withEmptyDisk: true });
    expect(mesh.broker('d').retainedSet.size).toBe(0);
    await mesh.until(() => isAlike(mesh), 10_000);
    expect(mesh.broker('d').retainedSet.size).toBe(200);
  });

  it('pass through brokers whose streams cannot bring them', async () => {
    const mesh = await SimMesh.start({ seed: 'through', edges: CHAIN });
    mesh.cut('b', 'c');
    mesh.cut('a', 'b');
    await mesh.run(100);
    for (let i = 0; i < 50; i++) void mesh.broker('a').publish(`r/${i}`, `${i}`, { retain: true });
    await mesh.run(1_000);
    mesh.mend('a', 'b');
    await mesh.until(() => mesh.broker('b').retainedSet.size === 50, 10_000);
    mesh.kill('a');
    mesh.mend('b', 'c');
    await mesh.until(() => mesh.broker('d').retainedSet.size === 50, 10_000);
  });
});
