import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { at, drained, federate, interestKnown, linked, linkOf, newBench, portOf } from './mesh.ts';

const bench = newBench();

/** Two hubs that are linked, and a leaf with an uplink to each, through a proxy. */
async function hubs() {
  const [h1, h2, leaf] = [await bench.broker('h1'), await bench.broker('h2'), await bench.broker('leaf')];
  const f2 = await federate(bench, h2, { peers: [{ id: 'h1' }], acceptsLeaves: true });
  const peers = [{ id: 'h2', address: at(portOf(f2)) }];
  const f1 = await federate(bench, h1, { peers, acceptsLeaves: true });
  const proxies = [await FaultProxy.open(portOf(f1)), await FaultProxy.open(portOf(f2))] as const;
  for (const proxy of proxies) bench.onClose(() => proxy.close());
  const uplinks = proxies.map((proxy, i) => ({ id: `h${i + 1}`, address: at(proxy.port) }));
  const fl = await federate(bench, leaf, { uplinks });
  await linked(f1, f2, fl);
  return { h1, h2, leaf, f1, f2, fl, proxies };
}

describe('a leaf with two uplinks', () => {
  it('is taken in though nobody names it, and exchanges messages with everybody, once', async () => {
    const { h1, h2, leaf, f1, f2, fl } = await hubs();
    for (const broker of [h1, h2, leaf]) broker.subscribe('t');
    await interestKnown(f1, f2, fl);
    for (const broker of [h1, h2, leaf]) await broker.publish('t', broker.brokerId);
    await drained(f1, f2, fl);
    for (const broker of [h1, h2, leaf]) {
      expect(broker.payloads().sort()).toEqual(['h1', 'h2', 'leaf']);
      expect(broker.duplicates).toBe(0);
    }
  });

  it('goes by the other when one dies in the middle of a stream: nothing lost, doubled or reordered', async () => {
    const { h1, leaf, f1, fl, proxies } = await hubs();
    h1.subscribe('up');
    leaf.subscribe('down');
    await interestKnown(f1, fl);
    const texts = Array.from({ length: 600 }, (_, i) => `${i}`);
    for (let i = 0; i < texts.length; i += 10) {
      const group = texts.slice(i, i + 10);
      await Promise.all(group.flatMap((text) => [leaf.publish('up', text), h1.publish('down', text)]));
      if (i === 200) proxies[0].cut();
    }
    await drained(f1, fl);
    expect(fl.streams().find(({ to }) => to === 'h1')?.path).toEqual(['h2', 'h1']);
    expect(h1.payloads('up')).toEqual(texts);
    expect(leaf.payloads('down')).toEqual(texts);
    expect(h1.duplicates + leaf.duplicates).toBe(0);
  });

  it('carries nothing between its hubs, even when it is the only way', async () => {
    const [h1, h2, leaf] = [await bench.broker('h1'), await bench.broker('h2'), await bench.broker('leaf')];
    const f1 = await federate(bench, h1, { acceptsLeaves: true });
    const f2 = await federate(bench, h2, { acceptsLeaves: true });
    const uplinks = [
      { id: 'h1', address: at(portOf(f1)) },
      { id: 'h2', address: at(portOf(f2)) },
    ];
    const fl = await federate(bench, leaf, { uplinks });
    await linked(fl, f1);
    await linked(fl, f2);
    expect([f1.reachable(), f2.reachable()]).toEqual([['leaf'], ['leaf']]);
    h2.subscribe('t');
    leaf.subscribe('t');
    await interestKnown(fl, f2);
    await h1.publish('t', 'x');
    await eventually(() => expect(leaf.payloads()).toEqual(['x']));
    expect(linkOf(fl, 'h2')).toMatchObject({ sent: 0, forwarded: 0 });
    expect(h2.payloads()).toEqual([]);
  });

  it('is refused where no leaves are taken', async () => {
    const hub = await bench.broker('hub');
    const fh = await federate(bench, hub, { acceptsLeaves: false });
    const leaf = await bench.broker('leaf');
    const fl = await federate(bench, leaf, { uplinks: [{ id: 'hub', address: at(portOf(fh)) }] });
    await eventually(() => expect(linkOf(fl, 'hub').state).toBe('refused'));
    expect(fh.states()).toEqual([]);
  });
});
