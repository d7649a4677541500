import { describe, expect, it } from 'vitest';
import type { DeviceLinkEvents, Link } from '../../core/device-link/index.ts';
import { seededRandom } from '../../core/random/index.ts';
import { VirtualClock } from '../../core/time/index.ts';
import { parseReading } from '../../core/wire/index.ts';
import { createFleet, parseScenario } from '../../device-sim/index.ts';
import { loadMotes, replay } from '../../device-sim/replay/motes.ts';

/** A link that is up at once and acknowledges at once. */
function instantLink(events: DeviceLinkEvents, onState: (payload: string) => void): Link {
  let isUp = false;
  return {
    get isUp() {
      return isUp;
    },
    start() {
      isUp = true;
      events.up('test');
    },
    publish(kind, payload, _options, onAcknowledged) {
      if (kind === 'state') onState(payload);
      onAcknowledged?.();
      return true;
    },
    async stop() {},
  };
}

describe('the recorded motes', () => {
  it('are 18,914 readings of four motes with 149 labels', async () => {
    const motes = await loadMotes();
    expect(motes.map(({ label }) => label.length)).toEqual([4417, 4417, 5039, 5041]);
    expect(motes.flatMap(({ label }) => [...label]).filter((label) => label === 1)).toHaveLength(149);
    expect(motes.map(({ isIndoor }) => isIndoor)).toEqual([true, true, false, false]);
  });

  it('start again at their end', async () => {
    const [mote] = await loadMotes();
    const next = replay(mote as never, true);
    const first = next();
    expect(first).toEqual({ temperature: 27.97, humidity: 45.93, label: 0 });
    for (let i = 1; i < 4417; i++) next();
    expect(next()).toEqual(first);
  });

  it.each([
    { speed: 1, perMinute: 12 },
    { speed: 10, perMinute: 120 },
  ])('at speed $speed give $perMinute readings a minute, stamped as live', async ({ speed, perMinute }) => {
    const clock = new VirtualClock();
    const startMs = clock.wallMs();
    const stamps: number[] = [];
    const fleet = await createFleet(parseScenario({ seed: 1, rampUpMs: 0, fleets: [{ kind: 'mote-replay', speed }] }), {
      clock,
      random: seededRandom(1),
      createLink: (plan, events) =>
        instantLink(events, (payload) => {
          const { tsMs } = parseReading(Buffer.from(payload), clock.wallMs());
          if (plan.id === 'mote-1') stamps.push(tsMs as number);
        }),
    });
    fleet.start();
    clock.advance(60_000);
    expect(stamps).toHaveLength(perMinute);
    for (const [i, stamp] of stamps.slice(1).entries()) {
      expect(Math.abs(stamp - (stamps[i] as number) - 5_000 / speed)).toBeLessThanOrEqual(1);
    }
    expect(stamps[0]).toBeGreaterThanOrEqual(startMs);
    expect(stamps.at(-1)).toBeLessThanOrEqual(clock.wallMs());
    expect(fleet.summary()).toMatchObject({ sent: 4 * perMinute, acknowledged: 4 * perMinute, outstanding: 0 });
  });
});
