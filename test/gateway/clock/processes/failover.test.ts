import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/index.ts';
import { errorsOf } from '../../../bench/clock/errors.ts';
import { SAMPLE_MS } from '../../../bench/clock/member-spec.ts';
import { ClockSite, type Member } from '../../../bench/clock/site.ts';
import { eventually } from '../../../support/eventually.ts';

/** The goals for an idle machine are in bench:clock. */
const SPREAD_MS_MAX = 1;
/** With rates that are known to a few ppm, and clocks that began a little apart. */
const MOVED_MS_MAX = 1;
const RATE_PPM_MAX = 500;
/** Between a moment and the reading of it the clock may have been corrected. */
const READ_LATE_MS = 0.02;

describe('the clocks of gateways whose master is killed', () => {
  let folder: string;
  let site: ClockSite;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-clock-failover-'));
    const members = [{ name: 'gw-1', wallAheadMs: 7 }, { name: 'gw-2', wallAheadMs: -7 }, { name: 'gw-3' }];
    site = await ClockSite.start({ folder, path: 'udp', members });
    site.lead('gw-1');
    await site.synchronised();
  });

  afterAll(async () => {
    await site?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('go on without a step, never backwards, and within a millisecond of each other', async () => {
    const startMs = systemClock.monotonicMs();
    const [second, third] = [site.member('gw-2'), site.member('gw-3')];
    await samplesUntil([second, third], startMs + 3_000);

    // Nobody leads while they find out that the first is dead.
    await site.member('gw-1').kill();
    const killedMs = systemClock.monotonicMs();
    await samplesUntil([second, third], killedMs + 1_500);
    site.lead('gw-2');
    const ledMs = systemClock.monotonicMs();
    await samplesUntil([second, third], ledMs + 4_000);

    const apart = errorsOf(third.samples, second.samples, startMs);
    expect(apart.filter(({ atMs }) => atMs < killedMs).length).toBeGreaterThan(10);
    expect(apart.filter(({ atMs }) => atMs > ledMs).length).toBeGreaterThan(20);
    expect(Math.max(...apart.map(({ errorMs }) => Math.abs(errorMs)))).toBeLessThan(SPREAD_MS_MAX);
    for (const member of [second, third]) expectSteady(member, startMs);
  });

  it('hand over from one that lives, too', async () => {
    const [second, third] = [site.member('gw-2'), site.member('gw-3')];
    const startMs = systemClock.monotonicMs();
    site.lead('gw-3');
    await samplesUntil([second, third], startMs + 4_000);
    // The new master is measured by nobody; the other one follows it.
    const apart = errorsOf(second.samples, third.samples, startMs);
    expect(Math.max(...apart.map(({ errorMs }) => Math.abs(errorMs)))).toBeLessThan(SPREAD_MS_MAX);
    for (const member of [second, third]) expectSteady(member, startMs);
  });
});

/** Resolves when they have told what they showed at that moment of this machine's monotonic clock. */
async function samplesUntil(members: readonly Member[], atMs: number): Promise<void> {
  const hasTold = ({ samples }: Member): boolean => (samples.at(-1)?.[0] ?? 0) >= atMs;
  await eventually(() => expect(members.every(hasTold)).toBe(true), 20_000);
}

/**
 * Mesh time goes on as it went: by this machine's monotonic clock, which all of them share. Each sample follows upon the one before at a rate
 * that a clock may have, and so did each reading in between.
 */
function expectSteady({ name, samples, faults }: Member, fromMs: number): void {
  expect({ name, ...faults }).toMatchObject({ name, backwards: 0, offRate: 0 });
  const since = samples.filter(([atMs]) => atMs >= fromMs);
  const ahead = since.map(([atMs, shownMs]) => shownMs - atMs);
  expect(Math.max(...ahead) - Math.min(...ahead)).toBeLessThan(MOVED_MS_MAX);
  for (const [nth, [atMs, shownMs, uncertaintyMs]] of since.entries()) {
    expect(uncertaintyMs).toBeLessThan(50);
    const before = since[nth - 1];
    if (before === undefined) continue;
    expect(atMs - before[0]).toBeCloseTo(SAMPLE_MS);
    const offMs = Math.abs(shownMs - before[1] - SAMPLE_MS);
    expect(offMs).toBeLessThan((SAMPLE_MS * RATE_PPM_MAX) / 1e6 + READ_LATE_MS);
  }
}
