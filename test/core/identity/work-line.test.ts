import { describe, expect, it } from 'vitest';
import { WorkLine } from '../../../core/identity/work-line.ts';

/** Tasks that end when told to, in the order in which they began. */
function tasks() {
  const ends: PromiseWithResolvers<string>[] = [];
  const task = (): Promise<string> => {
    const end = Promise.withResolvers<string>();
    ends.push(end);
    return end.promise;
  };
  return { ends, task };
}

/** Lets everything that was resolved run on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('WorkLine', () => {
  it('runs a few at once, lets some wait, and refuses the rest', async () => {
    const line = new WorkLine({ atOnceMax: 2, waitingMax: 1 });
    const { ends, task } = tasks();
    const entered = [line.enter(task), line.enter(task), line.enter(task)];
    expect(line.enter(task)).toBeUndefined();
    expect(ends).toHaveLength(2);
    ends[0]?.resolve('first');
    expect(await entered[0]).toBe('first');
    expect(ends).toHaveLength(3);
    expect(line.enter(task)).toBeDefined();
    expect(line.enter(task)).toBeUndefined();
    expect(ends).toHaveLength(3);
  });

  it('goes on after a task that failed', async () => {
    const line = new WorkLine({ atOnceMax: 1, waitingMax: 1 });
    const { ends, task } = tasks();
    const [first, second] = [line.enter(task), line.enter(task)];
    ends[0]?.reject(new Error('failed'));
    await expect(first).rejects.toThrow('failed');
    ends[1]?.resolve('second');
    expect(await second).toBe('second');
    await settle();
    void line.enter(task);
    expect(ends).toHaveLength(3);
  });
});
