import { afterEach, describe, expect, it } from 'vitest';
import { VirtualClock } from '../../../core/time/index.ts';
import { DeviceRegistry, Discovery } from '../../../gateway/registry/index.ts';

const reading = {
  site: 'home',
  device: 'd1',
  boot: undefined,
  seq: undefined,
  tsMs: 0,
  timeQuality: 'sync' as const,
  metrics: { temperature: 20 },
};

function setUp() {
  const clock = new VirtualClock();
  const published: { topic: string; payload: Record<string, unknown> }[] = [];
  let failures = 0;
  const registry: DeviceRegistry = new DeviceRegistry((entry) => discovery.noteChanged(entry));
  const discovery = new Discovery({
    clock,
    registry,
    softwareVersion: '1.2.3',
    publish: async (topic, payload) => {
      if (failures-- > 0) throw new Error('not connected');
      published.push({ topic, payload: JSON.parse(payload) });
    },
  });
  discovery.start();
  stop = () => discovery.stop();
  const round = async (): Promise<void> => {
    clock.advance(500);
    await new Promise(setImmediate);
  };
  const failNext = (times: number): void => {
    failures = times;
  };
  return { registry, discovery, published, round, failNext };
}

let stop = (): void => {};
afterEach(() => stop());

describe('Discovery', () => {
  it('announces a device once for all metrics that come together, and again when there is a new one', async () => {
    const { registry, published, round } = setUp();
    registry.noteReading(reading, 1);
    registry.noteReading({ ...reading, metrics: { humidity: 40 } }, 2);
    await round();
    expect(published.map(({ topic }) => topic)).toEqual(['homeassistant/device/lattice_home_d1/config']);
    expect(Object.keys(published[0]?.payload['cmps'] as object)).toEqual(['humidity', 'temperature']);
    registry.noteReading(reading, 3);
    await round();
    expect(published).toHaveLength(1);
    registry.noteReading({ ...reading, metrics: { co2: 400 } }, 4);
    await round();
    expect(published).toHaveLength(2);
  });

  it('names an availability topic only for a device that has one', async () => {
    const { registry, published, round } = setUp();
    registry.noteReading(reading, 1);
    await round();
    expect(published[0]?.payload).not.toHaveProperty('avty_t');
    registry.noteAvailability('home', 'd1', 'online');
    await round();
    expect(published[1]?.payload['avty_t']).toBe('mesh/v1/home/d1/availability');
  });

  it('tries again what could not be published', async () => {
    const { registry, published, round, failNext } = setUp();
    failNext(1);
    registry.noteReading(reading, 1);
    await round();
    expect(published).toHaveLength(0);
    await round();
    expect(published).toHaveLength(1);
  });

  it('announces everything again when Home Assistant starts, and never a probe', async () => {
    const { registry, discovery, published, round } = setUp();
    registry.noteReading(reading, 1);
    registry.noteReading({ ...reading, device: 'lattice-doctor-broker-1-1' }, 1);
    await round();
    discovery.announceAll();
    await round();
    expect(published.map(({ topic }) => topic)).toEqual(Array(2).fill('homeassistant/device/lattice_home_d1/config'));
  });
});
