import { readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { codeOf, messageOf } from '../../core/errors/index.ts';
import { loadScenario, parseScenario } from '../../device-sim/index.ts';
import { deviceIds } from '../../device-sim/scenario.ts';

const SCENARIOS = new URL('../../device-sim/scenarios/', import.meta.url).pathname;

function faultOf(action: () => unknown): { code: string; text: string } {
  try {
    action();
  } catch (error) {
    return { code: codeOf(error), text: messageOf(error) };
  }
  throw new Error('no fault');
}

describe('a scenario', () => {
  let folder: string | undefined;
  afterEach(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true });
    folder = undefined;
  });

  it('names every fault with its path', async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-scenario-'));
    const file = join(folder, 'bad.yaml');
    await writeFile(
      file,
      `brokers: [http://x]
colour: red
stop: { afterS: -1 }
fleets:
  - { kind: simulated, count: 0, metrics: { "9x": { kind: walk, start: 1, sdPerMinute: 1, min: 2, max: 3 } } }
  - { kind: mote-replay, speed: fast }
`,
    );
    const { code, text } = faultOf(() => loadScenario(file));
    expect(code).toBe('SCENARIO_INVALID');
    for (const path of ['brokers.0:', '"colour"', 'stop.afterS:', 'fleets.0.count:', 'fleets.1.speed:']) {
      expect(text).toContain(path);
    }
  });

  it('refuses two fleets that make one device, and a user name alone', () => {
    const fleet = { kind: 'simulated', prefix: 'a', count: 3 };
    const { text } = faultOf(() => parseScenario({ username: 'u', fleets: [fleet, { ...fleet, count: 2 }] }));
    expect(text).toContain('fleets.1.prefix: makes "a-001" too');
    expect(text).toContain('password:');
  });

  it('refuses metric faults by path', () => {
    const metrics = { co2: { kind: 'walk', start: 1, sdPerMinute: 1, min: 2, max: 3 }, '9x': { kind: 'walk' } };
    const { text } = faultOf(() => parseScenario({ fleets: [{ kind: 'simulated', count: 1, metrics }] }));
    expect(text).toContain('fleets.0.metrics.9x.start:');
  });

  it.each(readdirSync(SCENARIOS))('%s, which is shipped, has no fault', (file) => {
    expect(loadScenario(join(SCENARIOS, file)).fleets.length).toBeGreaterThan(0);
  });

  it('names devices with at least three digits', () => {
    const [fleet] = parseScenario({ fleets: [{ kind: 'simulated', prefix: 'x', count: 2 }] }).fleets;
    expect(deviceIds(fleet as never)).toEqual(['x-001', 'x-002']);
  });
});
