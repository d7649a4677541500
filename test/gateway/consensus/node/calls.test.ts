import { expect, test } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import { Calls } from '../../../../gateway/consensus/node/calls.ts';

test('each call ends with its own answer, once', async () => {
  const calls = new Calls();
  const [one, other] = [calls.wait('1'), calls.wait('2')];
  calls.answer('2', 'b');
  calls.answer('2', 'c');
  calls.refuse('1', 'COORDINATION_TIMEOUT', 'Too late.');
  calls.answer('unknown', 'd');
  expect(await other).toBe('b');
  expect(await one.catch(codeOf)).toBe('COORDINATION_TIMEOUT');
});

test('all that wait are refused at the end', async () => {
  const calls = new Calls();
  const waiting = ['1', '2'].map((id) => calls.wait(id).catch(codeOf));
  calls.refuseAll('COORDINATION_UNAVAILABLE', 'It stops.');
  expect(await Promise.all(waiting)).toEqual(['COORDINATION_UNAVAILABLE', 'COORDINATION_UNAVAILABLE']);
});
