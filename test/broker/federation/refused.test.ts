import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { at, drained, federate, interestKnown, keptLog, linked, linkOf, newBench, pair, portOf } from './mesh.ts';

const bench = newBench();

/** Long enough for a dozen attempts. */
async function attempts(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 400));
}

describe('a link that is refused', () => {
  it('because of a wrong secret: both ends say so, once, however often it is tried', async () => {
    const [logA, logB] = [keptLog(), keptLog()];
    const b = await bench.broker('b');
    const fb = await federate(bench, b, { peers: [{ id: 'a' }], log: logB.log });
    const a = await bench.broker('a');
    const peers = [{ id: 'b', address: at(portOf(fb)) }];
    const fa = await federate(bench, a, { peers, siteKey: 'another key here', log: logA.log });
    await attempts();
    expect([linkOf(fa, 'b').state, linkOf(fb, 'a').state]).toEqual(['refused', 'refused']);
    for (const { lines } of [logA, logB]) {
      const warnings = lines.filter(({ level }) => level >= 40);
      expect(warnings).toEqual([expect.objectContaining({ code: 'LINK_REFUSED' })]);
      expect(warnings[0]?.reason).toContain('secret');
      expect(JSON.stringify(lines)).not.toContain('another key');
    }
  });

  it('because the peer is not in the configuration', async () => {
    const log = keptLog();
    const b = await bench.broker('b');
    const fb = await federate(bench, b, { peers: [{ id: 'a2' }], log: log.log });
    const a = await bench.broker('a');
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: at(portOf(fb)) }] });
    await eventually(() => expect(linkOf(fa, 'b').state).toBe('refused'));
    await attempts();
    expect(log.lines.filter(({ level }) => level >= 40)).toEqual([
      expect.objectContaining({ code: 'LINK_REFUSED', node: 'a', reason: 'a is not a peer of b.' }),
    ]);
    expect(fb.states()).toEqual([expect.objectContaining({ peer: 'a2', state: 'connecting' })]);
  });

  it('because another broker answers at the address', async () => {
    const c = await bench.broker('c');
    const fc = await federate(bench, c, { peers: [{ id: 'a' }] });
    const a = await bench.broker('a');
    const log = keptLog();
    const fa = await federate(bench, a, { peers: [{ id: 'b', address: at(portOf(fc)) }], log: log.log });
    await eventually(() => expect(linkOf(fa, 'b').state).toBe('refused'));
    expect(log.lines.at(-1)?.reason).toContain('is c, not b');
  });

  it('because two brokers have one id; the link that is up is not disturbed', async () => {
    const { a, b, fa, fb } = await pair(bench);
    const twin = await bench.broker('a');
    const ftwin = await federate(bench, twin, { peers: [{ id: 'b', address: at(portOf(fb)) }] });
    await eventually(() => expect(linkOf(ftwin, 'b').state).toBe('refused'));
    b.subscribe('t');
    await interestKnown(fb);
    await a.publish('t', 'x');
    await drained(fa);
    expect(b.payloads()).toEqual(['x']);
    expect([linkOf(fa, 'b').state, linkOf(fb, 'a').state]).toEqual(['up', 'up']);
  });

  it('cannot even be configured with its own id, with one id twice, or as a leaf with peers', async () => {
    const a = await bench.broker('a');
    const [b, c] = [
      { id: 'b', address: at(1) },
      { id: 'c', address: at(2) },
    ];
    for (const config of [{ peers: [{ id: 'a' }] }, { peers: [b, b] }, { peers: [b], uplinks: [c] }]) {
      await expect(federate(bench, a, config)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    }
  });
});

describe('the same life of a peer', () => {
  it('is let in again at once when its old connection broke unseen', async () => {
    const { a, b, proxy, fa, fb } = await pair(bench, { limits: { keepAliveMs: 60_000 } });
    proxy.stall();
    await fa.stop();
    const peers = [{ id: 'b', address: at(portOf(fb)) }];
    const again = await federate(bench, a, { peers, limits: { keepAliveMs: 60_000 } });
    await linked(again, fb);
    b.subscribe('t');
    await interestKnown(fb);
    await a.publish('t', 'x');
    await drained(again);
    expect(b.payloads()).toEqual(['x']);
  });
});
