import { expect, it } from 'vitest';
import { VirtualClock } from '../../../core/time/index.ts';
import { FaultyClock } from '../../../device-sim/clock/clock-fault.ts';

it('a faulty clock is ahead from the start and drifts, and its monotonic clock drifts alike', () => {
  const machine = new VirtualClock(1_000_000);
  machine.advance(500);
  const faulty = new FaultyClock(machine, { offsetMs: 250, ppm: 100 });
  expect(faulty.wallMs() - machine.wallMs()).toBe(250);
  expect(faulty.monotonicMs()).toBe(500);
  machine.advance(1_000_000);
  expect(faulty.wallMs() - machine.wallMs()).toBeCloseTo(350, 6);
  expect(faulty.monotonicMs()).toBeCloseTo(500 + 1_000_100, 6);
});
