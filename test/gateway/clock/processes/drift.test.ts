import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../../../core/time/index.ts';
import { ClockSite, type Member } from '../../../bench/clock/site.ts';
import { eventually } from '../../../support/eventually.ts';
import { describeWithPeers } from '../../../support/peers.ts';
import { boundsOfError, type ErrorBounds, tightest } from './bounds.ts';

const HOUR_MS = 3_600_000;
/** Debian's; the loader puts in where libraries are on this machine. For programs with threads. */
const LIBRARY = '/usr/$LIB/faketime/libfaketimeMT.so.1';
/** What two processes of a busy machine may be apart; the goals for an idle one are in bench:clock. */
const APART_MS_MAX = 1;
/** Less than half of what a clock that is 200 ppm fast stays ahead by while that is not known. */
const CORRECTED_MS_MAX = 0.35;
const DRIFT_PPM = 200;
const DRIFT_PPM_OFF_MAX = 40;
const READINGS = 40;

describeWithPeers('clocks that really drift', ['faketime'], () => {
  let folder: string;
  let site: ClockSite;
  let honest: Member;
  let fast: Member;
  let ahead: Member;
  let wallFile: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lattice-drift-'));
    wallFile = join(folder, 'wall');
    await writeFile(wallFile, '+1h');
    site = await ClockSite.start({
      folder,
      path: 'udp',
      members: [
        { name: 'honest' },
        // Both its clocks go too fast.
        { name: 'fast', wrapper: ['faketime', '-m', '-f', `+0 x${1 + DRIFT_PPM / 1e6}`] },
        // Its wall clock is what the file says, read again every second.
        {
          name: 'ahead',
          env: {
            LD_PRELOAD: LIBRARY,
            FAKETIME_TIMESTAMP_FILE: wallFile,
            FAKETIME_CACHE_DURATION: '1',
            FAKETIME_DONT_FAKE_MONOTONIC: '1',
          },
        },
      ],
    });
    honest = site.member('honest');
    fast = site.member('fast');
    ahead = site.member('ahead');
    site.lead('honest');
    await site.synchronised();
  });

  afterAll(async () => {
    await site?.stop();
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  });

  it('agree within what they say, and within a millisecond', async () => {
    for (const member of [fast, ahead]) {
      await eventually(async () => {
        const { leastMs, mostMs } = tightest(await errorsOf(member, honest));
        expect(mostMs).toBeLessThan(APART_MS_MAX);
        expect(leastMs).toBeGreaterThan(-APART_MS_MAX);
      });
    }
    await expectTruthWithin([fast, ahead], honest);
  });

  it('do not mind that a wall clock is set by an hour', async () => {
    const before = await ahead.read();
    expect(Math.abs(before.wallMs - Date.now() - HOUR_MS)).toBeLessThan(60_000);
    await writeFile(wallFile, '+2h');
    await eventually(async () => {
      const { wallMs } = await ahead.read();
      expect(wallMs - before.wallMs).toBeGreaterThan(HOUR_MS);
    });
    // A correction of each round from then on has come in.
    await eventually(async () => {
      const { ms } = await honest.read();
      expect(ms - before.ms).toBeGreaterThan(3_000);
    });
    await expectTruthWithin([fast, ahead], honest);
    expectNoFaults();
  });

  it('find out how fast the one goes, and make up for it', async () => {
    // Until then each correction is late by what drifts away while it is made: 200 ppm of 4 s.
    await eventually(async () => {
      const [{ frequencyPpm: honestPpm }, { frequencyPpm: fastPpm }] = [await honest.read(), await fast.read()];
      expect(Math.abs(fastPpm - honestPpm + DRIFT_PPM)).toBeLessThan(DRIFT_PPM_OFF_MAX);
      const { leastMs, mostMs } = tightest(await errorsOf(fast, honest));
      expect((leastMs + mostMs) / 2).toBeLessThan(CORRECTED_MS_MAX);
      expect((leastMs + mostMs) / 2).toBeGreaterThan(-CORRECTED_MS_MAX);
    }, 20_000);
    expectNoFaults();
  });

  function expectNoFaults(): void {
    for (const { name, faults } of site.members) {
      expect({ name, ...faults }).toMatchObject({ name, backwards: 0, offRate: 0 });
    }
  }
});

/** How far a member is ahead of an honest one, whose monotonic clock is that of this process. */
async function errorsOf(member: Member, honest: Member): Promise<ErrorBounds[]> {
  const all: ErrorBounds[] = [];
  for (let reading = 0; reading < READINGS; reading++) {
    const beforeMs = systemClock.monotonicMs();
    const shown = await member.read();
    const afterMs = systemClock.monotonicMs();
    const [before, after] = await honest.readAt([beforeMs, afterMs]);
    if (before === undefined || after === undefined) throw new Error(`${honest.name} did not answer.`);
    all.push(boundsOfError(shown, before, after));
  }
  return all;
}

/** Neither says that its error is less than it must be. */
async function expectTruthWithin(members: readonly Member[], honest: Member): Promise<void> {
  for (const member of members) {
    for (const { leastMs, mostMs, statedMs } of await errorsOf(member, honest)) {
      expect(statedMs).toBeLessThan(50);
      expect(leastMs).toBeLessThanOrEqual(statedMs);
      expect(mostMs).toBeGreaterThanOrEqual(-statedMs);
    }
  }
}
