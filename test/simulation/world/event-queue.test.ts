import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue, type Queued } from './event-queue.ts';

describe('EventQueue', () => {
  it('gives entries by time, and those of one instant in the order in which they came', () => {
    const action = fc.oneof(fc.constant('pop' as const), fc.integer({ min: 0, max: 5 }));
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const queue = new EventQueue<Queued>();
        let expected: Queued[] = [];
        actions.forEach((step, sequence) => {
          if (step === 'pop') {
            const [first, ...rest] = expected;
            expect(queue.peek()).toBe(first);
            expect(queue.pop()).toBe(first);
            expected = rest;
          } else {
            const entry = { atMs: step, sequence };
            queue.push(entry);
            expected = [...expected, entry].toSorted(
              (one, other) => one.atMs - other.atMs || one.sequence - other.sequence,
            );
          }
          expect(queue.size).toBe(expected.length);
        });
      }),
    );
  });
});
