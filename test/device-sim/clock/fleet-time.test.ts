import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../core/time/index.ts';
import { parseReading } from '../../../core/wire/index.ts';
import { createFleet, type Fleet, parseScenario } from '../../../device-sim/index.ts';
import { eventually } from '../../support/eventually.ts';
import { MqttTimeServer } from '../../support/mqtt-time-server.ts';
import { PlainBroker } from '../../support/plain-broker.ts';

/** Mesh time is ahead of the machine's wall clock by an hour. */
const AHEAD_MS = 3_600_000;
const startedMs = systemClock.wallMs() - systemClock.monotonicMs();
const meshAt = (monotonicMs: number) => ({
  ms: startedMs + monotonicMs + AHEAD_MS,
  uncertaintyMs: 0.5,
  kind: 'relative' as const,
});

let broker: PlainBroker;
let fleet: Fleet;
let server: MqttTimeServer | undefined;

async function run(input: object): Promise<void> {
  broker = await new PlainBroker().start();
  server = await MqttTimeServer.start(broker.url, meshAt);
  fleet = await createFleet(parseScenario({ seed: 1, rampUpMs: 20, brokers: [broker.url], ...input }));
  fleet.start();
}

afterEach(async () => {
  await fleet.stop();
  await server?.stop();
  await broker.kill();
});

/** How far the newest stamp of a device is ahead of the machine's wall clock, roughly, and its quality. */
function newest(device: string): { aheadMs: number; timeQuality: string } {
  const payload = broker.received.findLast((it) => it.kind === 'state' && it.device === device)?.payload;
  if (payload === undefined) throw new Error(`nothing of ${device} yet`);
  const { tsMs = 0, timeQuality } = parseReading(Buffer.from(payload), Number.MAX_SAFE_INTEGER);
  return { aheadMs: tsMs - systemClock.wallMs(), timeQuality };
}

const simulated = (prefix: string, count: number, rest: object = {}) => ({
  ...{ kind: 'simulated', prefix, count, intervalMs: 100 },
  ...rest,
});

describe('a fleet', () => {
  it('stamps by its own clocks unless it is told otherwise, and a faulty one by its fault', async () => {
    await run({ fleets: [simulated('well', 2), simulated('odd', 1, { clock: { offsetMs: 60_000 } })] });
    await eventually(() => {
      expect(Math.abs(newest('well-001').aheadMs)).toBeLessThan(2_000);
      expect(Math.abs(newest('odd-001').aheadMs - 60_000)).toBeLessThan(2_000);
    });
    expect([newest('well-001').timeQuality, newest('odd-001').timeQuality]).toEqual(['sync', 'est']);
    expect(server?.answers.counts.answered).toBe(0);
  });

  it('follows the mesh, the healthy by one follower and the faulty by their own', async () => {
    const fleets = [simulated('well', 40), simulated('odd', 2, { clock: { offsetMs: 60_000, ppm: 200 } })];
    await run({ time: 'mesh', fleets });
    await eventually(() => {
      for (const device of ['well-001', 'well-040', 'odd-001', 'odd-002']) {
        expect(newest(device).timeQuality, device).toBe('sync');
        expect(Math.abs(newest(device).aheadMs - AHEAD_MS), device).toBeLessThan(2_000);
      }
    });
    const askers = new Set(broker.received.filter(({ kind }) => kind === 'time').map(({ device }) => device));
    expect(askers).toContain('odd-001');
    expect(askers).toContain('odd-002');
    expect(askers.size).toBeLessThanOrEqual(2 + 4);
  });
});
