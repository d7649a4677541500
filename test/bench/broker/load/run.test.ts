import { describe, expect, it } from 'vitest';
import { OPERATOR, startBroker } from '../../../broker/support/harness.ts';
import { runLoad } from './run.ts';
import type { LoadSpec } from './spec.ts';

async function specFor(parts: Partial<LoadSpec>): Promise<LoadSpec> {
  const { port } = await startBroker();
  return {
    ...OPERATOR,
    publishPort: port,
    subscribePort: port,
    publishers: 3,
    window: 10,
    topicsPerPublisher: 2,
    subscribers: 2,
    qos: 1,
    payloadBytes: 64,
    shape: { kind: 'backlog', messages: 500 },
    pids: [process.pid],
    seed: 'test',
    ...parts,
  };
}

describe('runLoad', () => {
  it('publishes so many messages, and counts each delivery to each subscriber', async () => {
    const reached: string[] = [];
    const result = await runLoad(await specFor({}), async (checkpoint) => {
      reached.push(checkpoint);
    });
    expect(reached).toEqual(['ready', 'published']);
    expect(result).toMatchObject({ published: 500, delivered: 1_000, lost: 0 });
    expect(result.residentBytesMax).toBeGreaterThan(10_000_000);
  });

  it.each([0, 1] as const)('measures a steady load of QoS %i, and loses nothing of it at the end', async (qos) => {
    const shape = { kind: 'steady', warmUpMs: 50, measureMs: 300 } as const;
    const result = await runLoad(await specFor({ qos, shape }), async () => {});
    expect(result.lost).toBe(0);
    expect(result.measured).toBeGreaterThan(100);
    expect(result.delivered).toBeGreaterThan(result.measured);
    expect(result.measuredMs).toBeGreaterThanOrEqual(299);
    expect(result.latencyMs.p50).toBeGreaterThan(0);
    expect(result.latencyMs.p99).toBeGreaterThanOrEqual(result.latencyMs.p50);
    expect(result.latencyMs.p99).toBeLessThan(10_000);
  });

  it('rejects when the broker refuses a client', async () => {
    const spec = await specFor({ password: 'wrong' });
    await expect(runLoad(spec, async () => {})).rejects.toThrow('bench-sub-0');
  });
});
