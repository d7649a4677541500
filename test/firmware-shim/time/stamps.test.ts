import { describe, expect, it } from 'vitest';
import { FollowedClock } from '../../../core/mesh-clock/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { encodeRecord } from '../../../firmware-shim/time/record.ts';
import { Stamps } from '../../../firmware-shim/time/stamps.ts';
import { type LastRecord, withPresent } from '../../../firmware-shim/time/time-lines.ts';

const T = 1_763_800_000_000;
const LIFE = 'a1b2c3d4e5f6';

/** A run of the shim in one life of the machine, told a time that is ahead of the true one; silent: told none. */
function run({
  startMs = 0,
  aheadMs = 0,
  silent = false,
  wallMs = 0,
  last = undefined as LastRecord | undefined,
} = {}) {
  const machine = new VirtualClock(wallMs);
  machine.advance(startMs);
  const mesh: FollowedClock = new FollowedClock({
    ...{ clock: machine, random: seededRandom(1), servers: ['a'] },
    ask: (_server, question) => {
      const ms = T + machine.monotonicMs() + aheadMs;
      const times = { t2Ms: ms, t3Ms: ms, uncertaintyMs: 0, kind: 'relative' as const, serverId: 'a' };
      if (!silent) machine.setTimer(0, () => mesh.answered({ ...question, ...times }, machine.monotonicMs()));
    },
    onNote: ({ kind }) => {
      if (kind === 'synchronised') stamps.adopt(stamps.withFirstLine(mesh));
    },
  });
  const lastStampMs = last?.kind === 'stamped' ? last.stampMs : undefined;
  const stamps = new Stamps({ clock: machine, mesh, life: LIFE, lives: withPresent([], LIFE, last), lastStampMs });
  const take = (): string => encodeRecord({ x: 1 }, stamps.now()).toString();
  return { machine, mesh, stamps, take };
}

const stampOf = (payload: string | undefined): { ts?: number; tq: string } => JSON.parse(payload ?? '');

describe('Stamps', () => {
  it('stamps at once what is taken while the time is known, and later what was taken before', () => {
    const { machine, mesh, stamps, take } = run({ startMs: 5_000 });
    const early = take();
    expect(stamps.published(early)).toBeUndefined();
    mesh.start();
    machine.advance(2_000);
    expect(stampOf(stamps.published(early))).toMatchObject({ ts: T + 5_000, tq: 'sync' });
    expect(stampOf(take())).toMatchObject({ ts: T + 7_000, tq: 'sync' });
  });

  it('wakes who waits when more is known, when it gives up, and at the signal', async () => {
    const { machine, mesh, stamps, take } = run();
    const early = take();
    const signal = new AbortController();
    const known = stamps.changed(signal.signal);
    mesh.start();
    machine.advance(2_000);
    await known;
    expect(stamps.published(early)).toBeDefined();
    const over = stamps.changed(signal.signal);
    stamps.giveUp();
    await over;
    const aborted = stamps.changed(signal.signal);
    signal.abort();
    await aborted;
    await stamps.changed(signal.signal);
  });

  it('gives up on what it was not told, and says what the wall clock said', () => {
    const { stamps, take } = run({ silent: true, wallMs: T });
    const early = take();
    stamps.giveUp();
    expect(stampOf(stamps.published(early))).toMatchObject({ ts: T, tq: 'est' });
  });

  it('keeps the order with what an earlier run has stamped by a clock that was a little ahead', () => {
    const last: LastRecord = { kind: 'stamped', stampMs: T + 10_300 };
    const { machine, mesh, stamps, take } = run({ startMs: 10_000, last });
    const early = take();
    mesh.start();
    machine.advance(750);
    expect(stampOf(stamps.published(early)).ts).toBe(T + 10_300);
    expect(stampOf(take()).ts).toBe(T + 10_750);
    const again = run({ startMs: 10_000, last: { kind: 'stamped', stampMs: T + 11_000 } });
    again.mesh.start();
    again.machine.advance(750);
    expect(stampOf(again.take()).ts).toBe(T + 11_000);
  });

  it('follows the mesh when somebody has set it back', () => {
    const { machine, mesh, take } = run({ last: { kind: 'stamped', stampMs: T + 3_600_000 } });
    mesh.start();
    machine.advance(2_000);
    expect(stampOf(take()).ts).toBe(T + 2_000);
  });

  it('says `est` once it has heard nothing for so long that it may be a second off', () => {
    const world = run();
    world.mesh.start();
    world.machine.advance(2_000);
    expect(stampOf(world.take()).tq).toBe('sync');
    world.mesh.stop();
    world.machine.advance(12 * 3_600_000);
    expect(stampOf(world.take()).tq).toBe('est');
  });

  it('judges the stamps of others by the best clock that it has, and not by one of 1970', () => {
    const { machine, mesh, stamps } = run();
    expect(stamps.latestMs()).toBe(Number.MAX_SAFE_INTEGER);
    mesh.start();
    machine.advance(2_000);
    expect(stamps.latestMs()).toBe(T + 2_000);
    expect(run({ silent: true, wallMs: T }).stamps.latestMs()).toBe(T);
  });
});
