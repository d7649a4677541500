import { describe, expect, it } from 'vitest';
import { Outbox } from '../../device-sim/outbox.ts';

function filled(count: number, readingsMax = 100): Outbox {
  const outbox = new Outbox({ readingsMax, boot: 'b1' });
  for (let seq = 1; seq <= count; seq++) outbox.push(seq, `p${seq}`);
  return outbox;
}

function take(outbox: Outbox, count: number) {
  return Array.from({ length: count }, () => outbox.takeNext(0)).map((entry) => {
    if (entry === undefined) throw new Error('nothing left');
    return entry;
  });
}

describe('the outbox', () => {
  it('sends what was not acknowledged again after a lost connection, in order, with the same bytes', () => {
    const outbox = filled(4);
    const [first, second, third] = take(outbox, 3);
    outbox.acknowledge(second as never);
    outbox.rewind();
    expect(take(outbox, 3).map(({ payload }) => payload)).toEqual(['p1', 'p3', 'p4']);
    outbox.acknowledge(first as never);
    outbox.acknowledge(third as never);
    expect(outbox.size).toBe(1);
    expect(outbox.underWay).toBe(1);
  });

  it('drops the oldest that was never sent, and tells ranges as they touch', () => {
    const outbox = filled(5, 5);
    take(outbox, 2);
    outbox.rewind();
    expect(outbox.push(6, 'p6')).toBe(1);
    expect(outbox.push(7, 'p7')).toBe(1);
    expect(outbox.gaps()).toEqual([{ boot: 'b1', fromSeq: 3, toSeq: 4, cause: 'SIM_QUEUE_FULL' }]);
    expect(take(outbox, 5).map(({ seq }) => seq)).toEqual([1, 2, 5, 6, 7]);
  });

  it('keeps a gap until exactly that one is declared', () => {
    const outbox = filled(2, 2);
    outbox.push(3, 'p3');
    const [declared] = outbox.gaps();
    outbox.push(4, 'p4');
    outbox.declared(declared as never);
    expect(outbox.gaps()).toMatchObject([{ fromSeq: 1, toSeq: 2 }]);
    outbox.declared(outbox.gaps()[0] as never);
    expect(outbox.gaps()).toEqual([]);
  });
});
