import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseMeshTopic, parseReading } from '../../core/wire/index.ts';
import { type DryReading, dryRun, parseScenario } from '../../device-sim/index.ts';

async function readings(seed: number, stop: object): Promise<DryReading[]> {
  const scenario = parseScenario({
    stop,
    fleets: [{ kind: 'simulated', count: 7, intervalMs: 500 }, { kind: 'mote-replay' }],
  });
  const list: DryReading[] = [];
  for await (const reading of dryRun({ ...scenario, seed })) list.push(reading);
  return list;
}

function hash(list: DryReading[]): string {
  return createHash('sha256').update(JSON.stringify(list)).digest('hex');
}

describe('a dry run', () => {
  it('gives the same bytes for the same seed, and others for another', async () => {
    const first = hash(await readings(5, { afterReadings: 2_000 }));
    expect(hash(await readings(5, { afterReadings: 2_000 }))).toBe(first);
    expect(hash(await readings(6, { afterReadings: 2_000 }))).not.toBe(first);
  });

  it('ends at the stop condition, in order of time, each device numbered from 1', async () => {
    const list = await readings(5, { afterS: 10 });
    // Seven devices at 2/s, four motes every 5 s, phases and ramp-up within the first half second.
    expect(list.length).toBeGreaterThan(7 * 19);
    expect(list.length).toBeLessThanOrEqual(7 * 20 + 4 * 2);
    const seqs = new Map<string, number>();
    let lastMs = 0;
    for (const { topic, payload } of list) {
      const { tsMs, seq } = parseReading(Buffer.from(payload), Number.MAX_SAFE_INTEGER);
      const device = parseMeshTopic(topic)?.device as string;
      expect(seq).toBe((seqs.get(device) ?? 0) + 1);
      seqs.set(device, seq as number);
      expect(tsMs).toBeGreaterThanOrEqual(lastMs);
      lastMs = tsMs as number;
    }
    expect(seqs.size).toBe(11);
  });
});
