import { describe, expect, it } from 'vitest';
import { FollowedClock } from '../../../core/mesh-clock/index.ts';
import type { FollowerNote, TimeQuestion } from '../../../core/mesh-time/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';

const MESH_MS = 1_763_800_000_000;

function followed() {
  const machine = new VirtualClock(0);
  const notes: FollowerNote[] = [];
  const asked: TimeQuestion[] = [];
  const clock: FollowedClock = new FollowedClock({
    ...{ clock: machine, random: seededRandom(1), servers: ['a'], onNote: (note) => notes.push(note) },
    ask: (_server, question) => {
      asked.push(question);
      machine.setTimer(2, () => {
        const ms = MESH_MS + machine.monotonicMs() - 1;
        const times = { t2Ms: ms, t3Ms: ms, uncertaintyMs: 0.5, kind: 'relative' as const, serverId: 'a' };
        clock.answered({ ...question, ...times }, machine.monotonicMs());
      });
    },
  });
  return { machine, clock, notes, asked };
}

describe('FollowedClock', () => {
  it('is the machine until it is synchronised, and then the mesh', () => {
    const { machine, clock, notes } = followed();
    clock.start();
    machine.advance(500);
    expect(clock.wallMs()).toBe(500);
    expect(clock.now()).toMatchObject({ kind: 'none', uncertaintyMs: Number.POSITIVE_INFINITY });
    machine.advance(500);
    expect(Math.abs(clock.wallMs() - MESH_MS - 1_000)).toBeLessThanOrEqual(1);
    expect(Number.isInteger(clock.wallMs())).toBe(true);
    expect(clock.uncertaintyMs()).toBeLessThan(3);
    expect(clock.now().kind).toBe('relative');
    expect(notes.map(({ kind }) => kind)).toEqual(['synchronised']);
    machine.setWallMs(5);
    expect(Math.abs(clock.wallMs() - MESH_MS - 1_000)).toBeLessThanOrEqual(1);
    expect(clock.monotonicMs()).toBe(1_000);
  });

  it('asks no more once it is stopped, takes nothing more, and goes on', () => {
    const { machine, clock, asked } = followed();
    clock.start();
    machine.advance(1_000);
    clock.stop();
    clock.stop();
    const { length } = asked;
    machine.advance(600_000);
    expect(asked).toHaveLength(length);
    clock.malformed();
    expect(clock.counts.malformed).toBe(0);
    expect(clock.wallMs()).toBeCloseTo(MESH_MS + 601_000, -1);
  });
});
