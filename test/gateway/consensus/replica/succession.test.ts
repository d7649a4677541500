import { expect, test } from 'vitest';
import { Succession } from '../../../../gateway/consensus/replica/succession.ts';

/** The ticks, of the next twenty, at which it is the turn of the member. */
function turnsOf(id: number, leader: number, voters: number[]): number[] {
  const succession = new Succession(id);
  succession.leaderDied(leader, voters, 100);
  return Array.from({ length: 20 }, (_, nth) => 101 + nth).filter((tick) => succession.isDue(tick));
}

test('the voters stand one after the other, each once', () => {
  expect(turnsOf(1, 2, [1, 2, 3, 4])).toEqual([101]);
  expect(turnsOf(3, 2, [1, 2, 3, 4])).toEqual([103]);
  expect(turnsOf(4, 2, [1, 2, 3, 4])).toEqual([105]);
});

test('one that does not vote does not stand', () => {
  expect(turnsOf(5, 2, [1, 2, 3])).toEqual([]);
});

test('nobody stands once there is a leader again', () => {
  const succession = new Succession(1);
  succession.leaderDied(2, [1, 2, 3], 100);
  succession.settled();
  expect(succession.isDue(200)).toBe(false);
});
