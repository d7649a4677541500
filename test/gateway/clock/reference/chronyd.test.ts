import pino from 'pino';
import { afterEach, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { systemClock } from '../../../../core/time/index.ts';
import {
  NtpReference,
  ntpReferenceSchema,
  type ReferenceSample,
  SystemReference,
  type TimeReference,
} from '../../../../gateway/clock/reference/index.ts';
import { runCommand } from '../../../../gateway/clock/reference/run-command.ts';
import { readWallClock } from '../../../../gateway/clock/reference/wall-clock.ts';
import { eventually } from '../../../support/eventually.ts';
import { describeWithPeers } from '../../../support/peers.ts';
import { Chronyd, type ChronydOptions } from './chronyd.ts';

const log = pino({ level: 'silent' });
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

async function chronyd(options: ChronydOptions = {}): Promise<Chronyd> {
  const started = await Chronyd.start(options);
  closers.push(() => started.stop());
  return started;
}

async function begin(reference: TimeReference): Promise<ReferenceSample[]> {
  const samples: ReferenceSample[] = [];
  reference.onSample((sample) => samples.push(sample));
  await reference.start();
  closers.push(() => reference.stop());
  return samples;
}

function ntpReference(...chronyds: Chronyd[]): NtpReference {
  const servers = chronyds.map(({ port }) => ({ host: '127.0.0.1', port }));
  const config = ntpReferenceSchema.parse({ kind: 'ntp', servers, pollMs: 4_000, burstSpacingMs: 250 });
  return new NtpReference({ config, clock: systemClock, random: seededRandom(1), log });
}

/** Against the machine's wall clock, which chronyd serves here: its error, within what both state. */
function expectWallTime({ atMonotonicMs, utcMs, uncertaintyMs }: ReferenceSample): void {
  const wall = readWallClock(systemClock);
  const apartMs = utcMs - atMonotonicMs - (wall?.utcMs ?? Number.NaN) + (wall?.atMonotonicMs ?? Number.NaN);
  expect(Math.abs(apartMs)).toBeLessThanOrEqual(uncertaintyMs + (wall?.uncertaintyMs ?? Number.NaN));
}

describeWithPeers('our client with chronyd as a server', ['chronyd'], () => {
  it('reads its clock within the stated uncertainty', async () => {
    const server = await chronyd({ localStratum: 8 });
    const reference = ntpReference(server);
    const samples = await begin(reference);
    await eventually(() => expect(samples.length).toBeGreaterThanOrEqual(4));
    for (const sample of samples) expectWallTime(sample);
    expect(reference.state()).toMatchObject({
      stratum: 8,
      rejected: {},
      servers: [{ status: 'selected', refid: '127.127.1.1' }],
    });
    expect(samples.at(-1)?.uncertaintyMs).toBeLessThan(50);
  });
});

describeWithPeers('our client with three chronyds, of which one lies', ['chronyd', 'faketime'], () => {
  it.each(['+2s', '-1h'])('by %s, names it and follows the others', async (fakeTime) => {
    const [first, liar, second] = await Promise.all([chronyd(), chronyd({ fakeTime }), chronyd()]);
    const reference = ntpReference(first, liar, second);
    const samples = await begin(reference);
    // A busy machine may let a chronyd wait for longer than the burst takes.
    await eventually(() => expect(samples.length, JSON.stringify(reference.state())).toBeGreaterThanOrEqual(4), 25_000);
    await eventually(() => expect(reference.state().servers.map(({ reach }) => reach)).not.toContain(0), 25_000);
    for (const sample of samples) expectWallTime(sample);
    const { servers } = reference.state();
    expect(servers.map(({ status }) => status)).toEqual(['selected', 'falseticker', 'selected']);
    const expectedMs = fakeTime === '+2s' ? 2_000 : -3_600_000;
    expect(servers[1]?.offsetMs).toBeGreaterThan(expectedMs - 50);
    expect(servers[1]?.offsetMs).toBeLessThan(expectedMs + 50);
  });
});

describeWithPeers('the system’s clock as chronyd keeps it', ['chronyd'], () => {
  /** Asks that chronyd, as chronyc by itself would ask the one of the system. */
  function systemReference(kept: Chronyd): SystemReference {
    const asked = ['-h', '127.0.0.1', '-p', String(kept.commandPort)];
    return new SystemReference({
      config: { pollMs: 100 },
      clock: systemClock,
      log,
      run: (file, args) => runCommand(file, file === 'chronyc' ? [...asked, ...args] : args),
    });
  }

  it('is a reference while chronyd follows a server', async () => {
    const above = await chronyd({ localStratum: 3 });
    const reference = systemReference(await chronyd({ server: above }));
    const samples = await begin(reference);
    await eventually(() => expect(samples.length).toBeGreaterThanOrEqual(2), 20_000);
    for (const sample of samples) expectWallTime(sample);
    expect(samples[0]?.source).toBe('system: chrony 127.0.0.1');
    expect(reference.state()).toMatchObject({ kind: 'system', stratum: 4, servers: [] });
  });

  it.each<[string, ChronydOptions, RegExp]>([
    ['has no server that answers', { server: { port: 9 } }, /chronyd is not synchronised/],
    ['follows its own clock', { localStratum: 5 }, /its own clock/],
  ])('is none while chronyd %s', async (_, options, reason) => {
    const reference = systemReference(await chronyd(options));
    const samples = await begin(reference);
    await eventually(() => expect(reference.state().fault?.code).toBe('TIME_SYSTEM_UNSYNCHRONISED'));
    expect(reference.state().fault?.detail).toMatch(reason);
    expect(samples).toEqual([]);
  });

  it('is none, and says why, where chronyd does not answer', async () => {
    const gone = await Chronyd.start();
    await gone.stop();
    const reference = systemReference(gone);
    await begin(reference);
    await eventually(() => expect(reference.state().fault?.detail).toMatch(/^chronyc says: 506/), 15_000);
  });
});
