import { describe, expect, it } from 'vitest';
import { delay, repeat, VirtualClock } from '../../../core/time/index.ts';

describe('VirtualClock', () => {
  it('fires timers in order of due time, then of setting, and none that was cancelled', () => {
    const clock = new VirtualClock();
    const fired: string[] = [];
    clock.setTimer(20, () => fired.push('b'));
    clock.setTimer(10, () => {
      fired.push('a');
      clock.setTimer(10, () => fired.push('c'));
    });
    clock.setTimer(15, () => fired.push('never')).cancel();
    clock.advance(19);
    expect(fired).toEqual(['a']);
    clock.advance(1);
    expect(fired).toEqual(['a', 'b', 'c']);
    expect(clock.monotonicMs()).toBe(20);
  });

  it('keeps monotonic time when the wall clock is set', () => {
    const clock = new VirtualClock(1000);
    clock.advance(5);
    clock.setWallMs(50);
    expect([clock.monotonicMs(), clock.wallMs()]).toEqual([5, 50]);
  });
});

describe('delay and repeat', () => {
  it('delay ends early when it is aborted', async () => {
    const aborter = new AbortController();
    const waiting = delay(new VirtualClock(), 1000, aborter.signal);
    aborter.abort();
    await waiting;
  });

  it('repeat waits for the call to end before it counts again, and stops when cancelled', async () => {
    const clock = new VirtualClock();
    let calls = 0;
    const timer = repeat(clock, 10, () => {
      calls++;
    });
    for (let round = 0; round < 3; round++) {
      clock.advance(10);
      await new Promise(setImmediate);
    }
    expect(calls).toBe(3);
    timer.cancel();
    clock.advance(100);
    expect(calls).toBe(3);
  });
});
