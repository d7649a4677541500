import { describe, expect, it } from 'vitest';
import {
  EchoMemory,
  FLOOD_PASSES,
  LOOP_PASSES,
  LOOP_WINDOW_MS,
  LoopBreaker,
} from '../../../broker/bridge/loop-guard.ts';
import { formatPath, PATH_PROPERTY, parsePath } from '../../../broker/bridge/path.ts';

describe('the memory of echoes', () => {
  it('knows each message that was sent once, by topic and payload', () => {
    const memory = new EchoMemory();
    memory.sent('a', 'on', 0);
    memory.sent('a', Buffer.from('on'), 1);
    expect(memory.isEcho('b', 'on', 2)).toBe(false);
    expect(memory.isEcho('a', 'off', 2)).toBe(false);
    expect([1, 2, 3].map(() => memory.isEcho('a', 'on', 2))).toEqual([true, true, false]);
  });

  it('takes nothing for an echo after a minute', () => {
    const memory = new EchoMemory();
    memory.sent('a', 'on', 0);
    expect(memory.isEcho('a', 'on', 60_001)).toBe(false);
  });

  it('is bounded: the oldest is forgotten', () => {
    const memory = new EchoMemory();
    for (let number = 0; number <= 10_000; number++) memory.sent('a', String(number), 0);
    expect(memory.isEcho('a', '0', 0)).toBe(false);
    expect(memory.isEcho('a', '1', 0)).toBe(true);
  });
});

describe('the breaker of loops', () => {
  const plain = { topic: 'a', payload: 'on', retain: false, mayFlood: true };

  /** How many of `tries` may leave, with one coming in before each if so told. */
  function left(breaker: LoopBreaker, tries: number, parts: object, comesIn: boolean, nowMs = 0): number {
    let count = 0;
    for (let number = 0; number < tries; number++) {
      if (comesIn) breaker.cameIn('a', 'on', nowMs);
      if (breaker.mayLeave({ ...plain, ...parts }, nowMs)) count += 1;
    }
    return count;
  }

  it('lets the same message leave as often as it likes when it is published here and does not come in', () => {
    expect(left(new LoopBreaker(), 500, {}, false)).toBe(500);
  });

  it('stops what goes out and comes in again and again', () => {
    expect(left(new LoopBreaker(), 500, {}, true)).toBe(LOOP_PASSES);
  });

  it('stops a retained message that goes out again and again, and one that came over a link at a higher bound', () => {
    expect(left(new LoopBreaker(), 500, { retain: true }, false)).toBe(LOOP_PASSES);
    expect(left(new LoopBreaker(), 500, { mayFlood: false }, false)).toBe(FLOOD_PASSES);
  });

  it('keeps it stopped as long as it keeps coming, and forgets when it is over', () => {
    const breaker = new LoopBreaker();
    left(breaker, 20, {}, true, 0);
    expect(left(breaker, 1, {}, true, LOOP_WINDOW_MS)).toBe(0);
    expect(left(breaker, 1, {}, true, 2 * LOOP_WINDOW_MS)).toBe(0);
    expect(left(breaker, 1, {}, true, 3 * LOOP_WINDOW_MS + 1)).toBe(1);
  });
});

describe('the path of a message', () => {
  it('comes back as it was written, from one property or several, and is bounded', () => {
    expect(parsePath(formatPath(['m/a', 'm/b']))).toEqual(['m/a', 'm/b']);
    expect(parsePath({ [PATH_PROPERTY]: ['m/a', 'm/b  m/c'] })).toEqual(['m/a', 'm/b', 'm/c']);
    expect(parsePath(undefined)).toEqual([]);
    expect(parsePath({ [PATH_PROPERTY]: 'x '.repeat(100_000) }).length).toBeLessThan(3_000);
  });
});
