import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { eventually } from '../../support/eventually.ts';
import { Mesh, newBench } from './mesh.ts';

const bench = newBench();
const ROUNDS = 500;

describe('interestSettled', () => {
  it(`says true only when every broker routes by the subscription: ${ROUNDS} messages right after it, none missed`, async () => {
    const seed = process.env['LATTICE_TEST_SEED'] ?? String(Date.now());
    const random = seededRandom(seed);
    const edges = [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'd'],
    ] as const;
    const mesh = await Mesh.start(bench, { edges });
    const ids = ['a', 'b', 'c', 'd'];
    const round = async (topic: string): Promise<void> => {
      const at = random.below(ids.length);
      const subscriber = mesh.broker(ids[at] as string);
      const publisher = mesh.broker(ids[(at + 1 + random.below(ids.length - 1)) % ids.length] as string);
      subscriber.subscribe(topic);
      expect(await mesh.federation(subscriber.brokerId).interestSettled(5_000)).toBe(true);
      // Nothing keeps a QoS 0 message until somebody wants it.
      await publisher.publish(topic, 'x', { qos: 0 });
      await eventually(() => expect(subscriber.payloads(topic)).toEqual(['x']), 2_000, 5);
    };
    try {
      for (let i = 0; i < ROUNDS; i += 5) {
        for (const [one, other] of edges) {
          mesh.proxy(one, other).impair({ delayMs: random.below(8), jitterMs: random.below(8) });
        }
        await Promise.all([0, 1, 2, 3, 4].map((more) => round(`round/${i + more}`)));
      }
    } catch (error) {
      throw new Error(`LATTICE_TEST_SEED=${seed}`, { cause: error });
    }
  }, 60_000);

  it('says false in time when a broker that counts as reachable does not answer, and true when it is known to be gone', async () => {
    const mesh = await Mesh.start(bench, {
      edges: [
        ['a', 'b'],
        ['b', 'c'],
      ],
      limits: { keepAliveMs: 300 },
    });
    mesh.proxy('b', 'c').stall();
    mesh.broker('a').subscribe('t');
    const startedAt = performance.now();
    expect(await mesh.federation('a').interestSettled(100)).toBe(false);
    expect(performance.now() - startedAt).toBeLessThan(400);
    expect(await mesh.federation('a').interestSettled(5_000)).toBe(true);
    expect(mesh.federation('a').reachable()).toEqual(['b']);
  });
});
