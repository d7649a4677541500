import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { doctor } from '../../../core/cli/doctor-command.ts';
import { type MeshStatus, statusText } from '../../../core/cli/status.ts';
import { type TimeOptions, time } from '../../../core/cli/time.ts';
import { type ClockStatus, sumAccounts } from '../../../core/wire/index.ts';
import { clockStatus, memberStatus, meshClocks, NTP_REFERENCE, unsynchronised } from '../../support/clocks.ts';
import { FakeGateways, plainStatus } from './gateways.ts';

let mesh: FakeGateways;
let printed: string[];

/** A clock that shows this machine's time, give or take. */
const now = (fields: Partial<ClockStatus> = {}) => clockStatus({ ms: Date.now(), ...fields });

const members = [memberStatus('gateway-1'), memberStatus('gateway-3', { behindMs: -1.5, path: 'tcp' })];

beforeEach(async () => {
  printed = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    printed.push(String(chunk));
    return true;
  });
  mesh = await FakeGateways.start({
    'gateway-1': () => now(),
    'gateway-2': () => now({ members, behindMs: 0, reference: NTP_REFERENCE }),
    'gateway-3': () => now({ refused: { malformed: 2 } }),
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  await mesh.stop();
});

const show = (options: Partial<TimeOptions> = {}) =>
  time({ data: mesh.data, watch: false, intervalS: 1, json: false, ...options });
const text = () => printed.join('');

describe('lattice time', () => {
  it('tells the time with its uncertainty, where it comes from, and how every clock goes', async () => {
    expect(await show()).toBe(0);
    expect(text()).toMatch(
      /^Mesh time {2}\d{4}-\d\d-\d\dT[\d:.]+Z ± .* absolute \(gateway-2 is the master, term 7, round 1 204\)$/m,
    );
    expect(text()).toContain('Reference  ntp, stratum 2, ntp1.example:123 ± 8.50 ms');
    expect(text()).toContain('ntp1.example:123 selected, stratum 1, offset -250 µs, ± 8.50 ms, round trip 12 ms');
    expect(text()).toContain('ntp2.example:123 unreachable, timeout');
    expect(text()).toMatch(/^GATEWAY +ROLE +KIND +BEHIND +± +PPM +RTT +SAMPLES +VERDICT +REFUSED$/m);
    expect(text()).toMatch(/^gateway-1 +member +absolute +\+12 µs +420 µs +-12\.50 +210 µs udp +64 +accepted$/m);
    expect(text()).toMatch(/^gateway-2 +master +absolute +\+0 µs +420 µs +-12\.50 +– +– +–$/m);
    expect(text()).toMatch(/^gateway-3 +member +absolute +-1\.50 ms .* 210 µs tcp +64 +accepted +malformed 2$/m);
  });

  it('tells it to programs', async () => {
    expect(await show({ json: true })).toBe(0);
    const told = JSON.parse(text());
    expect(told).toMatchObject({
      ok: true,
      master: 'gateway-2',
      now: { kind: 'absolute', by: 'gateway-2' },
      faults: [],
    });
    expect(Math.abs(told.now.ms - Date.now())).toBeLessThan(60_000);
    expect(told.clocks).toHaveLength(3);
    expect(told.gateways[1]).toMatchObject({ id: 'gateway-2', time: { round: 1_204 } });
    expect(told.reference.servers).toHaveLength(2);
  });

  it.each<[string, () => ClockStatus, RegExp]>([
    ['is not synchronised', () => unsynchronised(), /gateway-1's clock is not synchronised\./],
    [
      'is alarmed',
      () => now({ isAlarmed: true, uncertaintyMs: 80 }),
      /^gateway-1 .* 80 ms ALARM .*by up to 80 ms; 50 ms are allowed\./ms,
    ],
    [
      'contradicts the others',
      () => now({ ms: Date.now() - 60_000 }),
      /gateway-1 and gateway-2 contradict each other about the time\..*gateway-1 and gateway-3/s,
    ],
  ])('ends with 1 when a clock %s, and names it', async (_what, clock, words) => {
    mesh.times.set('gateway-1', clock);
    expect(await show()).toBe(1);
    expect(text()).toMatch(words);
  });

  it('ends with 1 when the master finds a clock apart', async () => {
    const apart = [memberStatus('gateway-1', { verdict: 'apart' })];
    mesh.times.set('gateway-2', () => now({ members: apart }));
    expect(await show()).toBe(1);
    expect(text()).toMatch(/^gateway-1 .* APART$/m);
    expect(text()).toContain("gateway-1's clock disagrees with the others.");
  });

  it('passes over a gateway that takes no part, and says so when none does', async () => {
    mesh.times.set('gateway-1', () => undefined);
    expect(await show()).toBe(0);
    expect(text()).toMatch(/^gateway-1 +– +takes no part$/m);
    for (const id of mesh.times.keys()) mesh.times.set(id, () => undefined);
    expect(await show()).toBe(1);
    expect(text()).toContain('Mesh time  not known (no master)');
    expect(text()).toContain('No gateway takes part in the time of the mesh.');
  });

  it('goes by the clocks that there are while the master is away, and ends with 3 when nobody answers', async () => {
    await mesh.kill('gateway-2');
    expect(await show()).toBe(1);
    expect(text()).toMatch(/^Mesh time {2}\d.* absolute \(no master\)$/m);
    expect(text()).toMatch(/^gateway-2 +DOWN +http/m);
    expect(text()).toContain('gateway-2 does not answer.');
    await mesh.kill('gateway-1');
    await mesh.kill('gateway-3');
    expect(await show()).toBe(3);
  });

  it('says that a gateway answers in a form that it does not know, and does not show half of it', async () => {
    mesh.times.set('gateway-3', () => ({ ...now(), kind: 'perfect' }) as never);
    expect(await show()).toBe(1);
    expect(text()).toMatch(/^gateway-3 +DOWN +gateway-3 answers in a form that is not known here/m);
    mesh.times.set('gateway-2', () => now({ reference: 'the sun' }));
    await show();
    expect(text()).toContain('Reference  in a form that is not known here');
  });

  it('watches, and ends by the last picture', async () => {
    let asked = 0;
    mesh.times.set('gateway-1', () => (asked++ === 0 ? unsynchronised() : now()));
    expect(await show({ watch: true, intervalS: 0.01, iterations: 3, json: true })).toBe(0);
    expect(printed.map((line) => JSON.parse(line).ok)).toEqual([false, true, true]);
  });
});

describe('the time in lattice status and lattice doctor', () => {
  const status = (gateways: MeshStatus['gateways']): string =>
    statusText({
      ...{ site: 'home', brokers: [], brokersDown: [], gatewaysDown: [], closed: true },
      ...{ gateways, account: sumAccounts([]) },
    });

  it('is a line for each gateway, and none where nobody takes part', () => {
    const lines = status(meshClocks().map(({ id, time: clock }) => plainStatus(id, clock)));
    expect(lines).toMatch(/^CLOCK +ROLE +KIND +BEHIND +±$/m);
    expect(lines).toMatch(/^gateway-2 +master +absolute +\+0 µs +420 µs$/m);
    expect(status([plainStatus('gateway-1')])).not.toContain('CLOCK');
  });

  it('is a fault that the doctor names when a clock cannot be relied on', async () => {
    const check = () => doctor({ data: mesh.data, timeoutS: 1, json: false });
    expect(await check()).toBe(0);
    mesh.times.set('gateway-1', () => unsynchronised());
    mesh.times.set('gateway-3', () => now({ isAlarmed: true, uncertaintyMs: 80 }));
    expect(await check()).toBe(1);
    expect(text()).toContain("gateway-1's clock is not synchronised; see `lattice time`.");
    expect(text()).toMatch(/gateway-3's clock may be wrong by up to 80 ms; .*; see `lattice time`\./);
    for (const id of mesh.times.keys()) mesh.times.set(id, () => undefined);
    expect(await check()).toBe(0);
  });
});
