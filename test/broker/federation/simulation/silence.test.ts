import { describe, expect, it } from 'vitest';
import { SimMesh } from './sim-mesh.ts';

const SILENCE_MS = 600_000;
const LIMITS = { keepAliveMs: 2_000, resendMs: 2_000, refreshMs: 30_000, retainedCompareMs: 30_000 };
/** Of production, made small beside the backlog, so that the replay takes many windows. */
const BOUNDS = { windowBytesMax: 32 * 1024, batchBytes: 4 * 1024, queueBytesMax: 64 * 1024, creditBytes: 64 * 1024 };

describe('ten minutes of silence on a link', () => {
  it('cost disk and no memory, and nothing is lost though both ends are killed in the middle of the replay', async () => {
    const mesh = await SimMesh.start({ seed: 'silence', edges: [['a', 'b']], limits: { ...LIMITS, ...BOUNDS } });
    mesh.broker('b').subscribe('t/#');
    await mesh.run(5_000);
    const acknowledged: string[] = [];
    let number = 0;
    let peakBytes = 0;
    const publish = (): void => {
      const text = `${number++} ${'x'.repeat(100)}`;
      void mesh
        .broker('a')
        .publish('t/q1', text)
        .then(() => acknowledged.push(`t/q1 ${text}`));
      void mesh.broker('a').publish('t/q0', text, { qos: 0 });
    };
    /** One message each 100 ms, for so long, or until the condition holds. */
    const live = async (durationMs: number, isDone = (): boolean => false): Promise<void> => {
      for (let passedMs = 0; passedMs < durationMs && !isDone(); passedMs += 100) {
        publish();
        await mesh.run(100);
        peakBytes = Math.max(peakBytes, mesh.queuedBytes);
      }
    };
    const delivered = (): number => mesh.broker('b').deliveries.length;
    await live(1_000);
    expect(delivered()).toBe(10);

    mesh.silence('a', 'b');
    await live(3 * LIMITS.keepAliveMs);
    expect([mesh.node('a').reachable, mesh.node('b').reachable]).toEqual([[], []]);
    await live(SILENCE_MS - 3 * LIMITS.keepAliveMs);
    const backlog = mesh.node('a').backlogOf('b');
    expect(backlog).toBeGreaterThan(5_900);
    // The journal holds each message once; QoS 0 left nothing behind.
    expect(mesh.broker('a').disk.records).toHaveLength(number);
    expect(mesh.queuedBytes).toBe(0);

    for (const victim of ['a', 'b']) {
      mesh.mend('a', 'b');
      const goal = delivered() + 500;
      await mesh.until(() => {
        peakBytes = Math.max(peakBytes, mesh.queuedBytes);
        return delivered() > goal;
      }, 60_000);
      expect(delivered(), 'killed before the end of the replay').toBeLessThan(acknowledged.length);
      mesh.kill(victim);
      await mesh.run(1_000);
      await mesh.revive(victim);
    }
    await live(5_000);
    await mesh.until(() => delivered() >= acknowledged.length, 60_000);
    await mesh.run(5_000);
    expect(mesh.broker('b').deliveries).toEqual(acknowledged);
    expect(mesh.node('a').backlogOf('b')).toBe(0);
    expect(peakBytes).toBeGreaterThan(0);
    expect(peakBytes).toBeLessThanOrEqual(BOUNDS.queueBytesMax);
  }, 60_000);
});
