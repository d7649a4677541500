import { describe, expect, it } from 'vitest';
import { SimMesh } from './sim-mesh.ts';

describe('what is wanted changes while a broker is cut off', () => {
  it('and what it publishes meanwhile goes where it is wanted afterwards, however long that takes to tell', async () => {
    const edges: [string, string][] = [
      ['a', 'b'],
      ['a', 'd'],
      ['b', 'd'],
    ];
    const mesh = await SimMesh.start({ seed: 'moved away', edges, delayMs: 10 });
    mesh.broker('b').subscribe('t/#');
    for (let i = 0; i < 20_000; i++) mesh.broker('d').subscribe(`some/quite/long/filter/number/${i}`);
    await mesh.run(3_000);
    mesh.cut('a', 'b');
    mesh.cut('a', 'd');
    await mesh.run(100);
    // A session moves from b to d.
    mesh.broker('d').subscribe('t/#');
    await mesh.run(500);
    mesh.broker('b').unsubscribe('t/#');
    await mesh.run(500);
    for (let i = 0; i < 5; i++) await Promise.all([mesh.broker('a').publish('t/x', `${i}`), mesh.run(5)]);
    mesh.mend('a', 'd');
    mesh.mend('a', 'b');
    await mesh.until(() => mesh.broker('d').deliveries.length === 5, 10_000);
    expect(mesh.broker('d').deliveries).toEqual([0, 1, 2, 3, 4].map((number) => `t/x ${number}`));
  });

  it('and who subscribed meanwhile gets what was published after it', async () => {
    const mesh = await SimMesh.start({ seed: 'subscribed meanwhile', edges: [['a', 'b']] });
    mesh.cut('a', 'b');
    await mesh.run(100);
    mesh.broker('b').subscribe('t/#');
    await mesh.run(100);
    await Promise.all([mesh.broker('a').publish('t/x', 'after'), mesh.run(5)]);
    mesh.mend('a', 'b');
    await mesh.until(() => mesh.broker('b').deliveries.length === 1, 5_000);
  });

  it('and one that comes back without its disk, before it was missed, gets what is published from then on', async () => {
    const edges: [string, string][] = [
      ['a', 'b'],
      ['b', 'd'],
      ['d', 'c'],
      ['c', 'a'],
    ];
    const mesh = await SimMesh.start({ seed: 'empty disk', edges });
    mesh.broker('d').subscribe('t/#');
    await mesh.run(500);
    for (let i = 0; i < 5; i++) await Promise.all([mesh.broker('a').publish('t/x', `${i}`), mesh.run(5)]);
    await mesh.until(() => mesh.broker('d').deliveries.length === 5, 5_000);
    mesh.silence('c', 'd');
    mesh.kill('d');
    await mesh.run(20);
    await mesh.revive('d', { withEmptyDisk: true });
    await mesh.run(500);
    for (let i = 5; i < 10; i++) await Promise.all([mesh.broker('a').publish('t/x', `${i}`), mesh.run(5)]);
    await mesh.until(() => mesh.broker('d').deliveries.length === 5, 10_000);
    expect(mesh.broker('d').deliveries).toEqual([5, 6, 7, 8, 9].map((number) => `t/x ${number}`));
  });

  it('and a hub brings QoS 0 to more leaves than a frame can name', async () => {
    const leaves = Array.from({ length: 40 }, (_, index) => `leaf${index}`);
    const edges: [string, string][] = [['a', 'hub'], ...leaves.map((leaf): [string, string] => ['hub', leaf])];
    const mesh = await SimMesh.start({ seed: 'many leaves', edges, leaves });
    for (const leaf of leaves) mesh.broker(leaf).subscribe('t/#');
    await mesh.run(1_000);
    void mesh.broker('a').publish('t/x', 'to all', { qos: 0 });
    await mesh.run(200);
    for (const leaf of leaves) expect(mesh.broker(leaf).volatile, leaf).toEqual(['t/x to all']);
  });
});
