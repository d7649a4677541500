import { expect, it } from 'vitest';
import { Strangers } from '../../../../broker/federation/transport/index.ts';

function strangersOf(countMax: number, ...all: [name: string, address: string][]) {
  const strangers = new Strangers<string, string>(countMax);
  const gone = all.map(([name, address]) => strangers.add(name, name, address));
  return { strangers, gone };
}

it('below the bound nobody goes', () => {
  const { strangers, gone } = strangersOf(2, ['a', '1'], ['b', '1']);
  expect(gone).toEqual([undefined, undefined]);
  expect(strangers.all()).toEqual(['a', 'b']);
});

it('at the bound the oldest goes of the address that has most', () => {
  const { strangers, gone } = strangersOf(3, ['a', '1'], ['b', '2'], ['c', '2'], ['d', '2'], ['e', '2'], ['f', '1']);
  expect(gone).toEqual([undefined, undefined, undefined, 'b', 'c', 'd']);
  expect(strangers.all()).toEqual(['a', 'e', 'f']);
});

it('one that is known leaves its place to another', () => {
  const { strangers } = strangersOf(1, ['a', '1']);
  strangers.delete('a');
  expect(strangers.add('b', 'b', '1')).toBeUndefined();
});
