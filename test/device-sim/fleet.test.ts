import { afterEach, describe, expect, it } from 'vitest';
import { deviceMetaSchema, gapSchema } from '../../core/wire/index.ts';
import { createFleet, type Fleet, parseScenario } from '../../device-sim/index.ts';
import { eventually } from '../support/eventually.ts';
import { PlainBroker } from '../support/plain-broker.ts';

const DEVICES = 20;

describe('a fleet against a real broker', () => {
  const brokers: PlainBroker[] = [];
  let fleet: Fleet | undefined;

  const broker = async (): Promise<PlainBroker> => {
    const started = await new PlainBroker().start();
    brokers.push(started);
    return started;
  };
  const run = async (input: object): Promise<Fleet> => {
    fleet = await createFleet(parseScenario({ seed: 1, rampUpMs: 100, ...input }));
    fleet.start();
    return fleet;
  };
  const simulated = { kind: 'simulated', count: DEVICES, intervalMs: 50 };

  afterEach(async () => {
    await fleet?.stop();
    await Promise.all(brokers.splice(0).map((started) => started.kill()));
  });

  it('loses nothing when the broker is killed and started again: sent = acknowledged = received', async () => {
    const only = await broker();
    const running = await run({ brokers: [only.url], fleets: [simulated] });
    await eventually(() => expect(running.summary().acknowledged).toBeGreaterThan(200));
    await only.kill();
    await eventually(() => expect(running.summary().connected).toBe(0));
    await eventually(() => expect(running.summary().outstanding).toBeGreaterThan(100));
    await only.start();
    await eventually(() => expect(running.summary().connected).toBe(DEVICES));
    await running.stop();
    const { sent, acknowledged, outstanding, dropped, reconnects } = running.summary();
    const readings = only.readings();
    expect({ acknowledged, outstanding, dropped, reconnects }).toEqual({
      acknowledged: sent,
      outstanding: 0,
      dropped: 0,
      reconnects: DEVICES,
    });
    expect(readings.size).toBe(sent);
    // What was sent twice had the same bytes twice.
    expect([...readings.values()].every((payloads) => payloads.size === 1)).toBe(true);
  });

  it('spreads over two brokers and moves to the other when one dies', async () => {
    const [first, second] = [await broker(), await broker()];
    const running = await run({ brokers: [first.url, second.url], fleets: [simulated] });
    await eventually(() => expect(running.summary().acknowledged).toBeGreaterThan(100));
    const devicesOf = (one: PlainBroker): number => new Set(one.received.map(({ device }) => device)).size;
    expect([devicesOf(first), devicesOf(second)]).toEqual([DEVICES / 2, DEVICES / 2]);
    await first.kill();
    await eventually(() => expect(devicesOf(second)).toBe(DEVICES));
    await eventually(() => expect(running.summary().connected).toBe(DEVICES));
    await running.stop();
    const { sent, acknowledged } = running.summary();
    expect(acknowledged).toBe(sent);
    expect(new Set([...first.readings().keys(), ...second.readings().keys()]).size).toBe(sent);
  });

  it('says online, what it is, and offline at the end, all retained', async () => {
    const only = await broker();
    const running = await run({
      brokers: [only.url],
      fleets: [{ ...simulated, count: 1 }],
      stop: { afterReadings: 5 },
    });
    await running.finished;
    await running.stop();
    const own = only.received.filter(({ kind }) => kind !== 'state');
    expect(own.map(({ kind, retain }) => [kind, retain])).toEqual([
      ['meta', true],
      ['availability', true],
      ['availability', true],
    ]);
    expect(own.slice(1).map(({ payload }) => payload)).toEqual(['online', 'offline']);
    expect(deviceMetaSchema.parse(JSON.parse(own[0]?.payload ?? ''))).toMatchObject({ source: 'simulated' });
    expect(running.summary().sent).toBe(5);
  });

  it('drops at the bound only, and declares what it dropped: received + declared = sent', async () => {
    const only = await broker();
    const running = await run({
      brokers: [only.url],
      queueReadingsMax: 25,
      fleets: [{ ...simulated, count: 3, intervalMs: 20 }],
    });
    await eventually(() => expect(running.summary().acknowledged).toBeGreaterThan(30));
    await only.kill();
    await eventually(() => expect(running.summary().dropped).toBeGreaterThan(20));
    await only.start();
    await eventually(() => expect(running.summary().connected).toBe(3));
    await eventually(() => expect(only.received.filter(({ kind }) => kind === 'gap').length).toBeGreaterThanOrEqual(3));
    await running.stop();
    const { sent, acknowledged, dropped } = running.summary();
    const declared = new Set<string>();
    for (const { device, kind, payload } of only.received) {
      if (kind !== 'gap') continue;
      const gap = gapSchema.parse(JSON.parse(payload));
      expect(gap.cause).toBe('SIM_QUEUE_FULL');
      for (let seq = gap.fromSeq; seq <= gap.toSeq; seq++) declared.add(`${device}/${gap.boot}/${seq}`);
    }
    const received = only.readings();
    expect(received.size).toBe(acknowledged);
    expect(declared.size).toBe(dropped);
    expect(received.size + declared.size).toBe(sent);
    expect([...declared].some((key) => received.has(key))).toBe(false);
  });
});
