import { expect, it } from 'vitest';
import { SeenQuestions } from '../../../../gateway/clock/devices/seen-questions.ts';

it('SeenQuestions knows the latest, and forgets the oldest at its bound', () => {
  const seen = new SeenQuestions();
  expect(seen.admit('pi', '0')).toBe(true);
  expect(seen.admit('pi', '0')).toBe(false);
  expect(seen.admit('pi2', '0')).toBe(true);
  for (let id = 1; id < 8_191; id++) seen.admit('pi', String(id));
  expect(seen.admit('pi', '1')).toBe(false);
  seen.admit('pi', 'one more');
  expect(seen.admit('pi', '0')).toBe(true);
});
