import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Command,
  CoordinationMachine,
  encodeRequest,
  rangeIncludes,
  WatchHub,
} from '../../../../gateway/coordination/state/index.ts';
import type { KeyRange, WatchBatch, WatchEvent } from '../../../../gateway/coordination/types.ts';
import { command, range } from './arbitraries.ts';

function makeHub() {
  const machine = new CoordinationMachine();
  const hub = new WatchHub(machine);
  const apply = (what: Command): { woken: string[]; batch?: WatchBatch } => {
    const index = machine.appliedIndex + 1;
    const { batch } = machine.apply(encodeRequest({ id: { client: 'test', sequence: index }, command: what }), index);
    return batch ? { woken: hub.publish(batch), batch } : { woken: [] };
  };
  const put = (key: string, value = '') => apply({ type: 'put', key, value });
  return { machine, hub, apply, put };
}

function only(batches: WatchBatch[], of: KeyRange): { revision: number; events: WatchEvent[] }[] {
  return batches
    .map(({ revision, events }) => ({
      revision,
      events: events.filter((event) => rangeIncludes(of, event.type === 'put' ? event.keyValue.key : event.key)),
    }))
    .filter(({ events }) => events.length > 0);
}

describe('WatchHub', () => {
  it('wakes those whose range is changed, and only once until they take', () => {
    const { hub, put } = makeHub();
    expect(hub.watch('key', { key: 'a' })).toBe(false);
    hub.watch('prefix', { prefix: 'a' });
    hub.watch('other', { key: 'b' });
    expect(put('a').woken).toEqual(['key', 'prefix']);
    expect(put('a').woken).toEqual([]);
    expect(hub.take('key')).toMatchObject({ batches: [{ revision: 2 }, { revision: 3 }], more: false });
    expect(put('a').woken).toEqual(['key']);
    expect(hub.take('other')).toEqual({ type: 'batches', batches: [], more: false });
  });

  it('begins in the past, and waits for a revision that is still to come', () => {
    const { hub, put } = makeHub();
    for (const value of ['1', '2', '3']) put('a', value);
    expect(hub.watch('past', { key: 'a' }, 3)).toBe(true);
    expect(hub.take('past')).toMatchObject({ batches: [{ revision: 3 }, { revision: 4 }] });
    expect(hub.watch('future', { key: 'a' }, 6)).toBe(false);
    expect(put('a').woken).toEqual(['past']);
    expect(put('a').woken).toEqual(['future']);
    expect(hub.take('future')).toMatchObject({ batches: [{ revision: 6 }] });
  });

  it('gives whole revisions, however few events are asked for', () => {
    const { hub, apply } = makeHub();
    const puts = ['a', 'b', 'c'].map((key) => ({ op: 'put' as const, key, value: '' }));
    hub.watch('all', { prefix: '' });
    apply({ type: 'transaction', compare: [], success: puts, failure: [] });
    apply({ type: 'put', key: 'd', value: '' });
    const first = hub.take('all', { eventsMax: 1 });
    expect(first).toMatchObject({ batches: [{ revision: 2 }], more: true });
    expect(first.type === 'batches' && first.batches[0]!.events).toHaveLength(3);
    expect(hub.take('all', { eventsMax: 1 })).toMatchObject({ batches: [{ revision: 3 }], more: false });
  });

  it('tells a watcher that compaction has overtaken it, and is done with it', () => {
    const { hub, apply, put } = makeHub();
    hub.watch('slow', { key: 'a' });
    hub.watch('idle', { key: 'z' });
    for (const value of ['1', '2', '3']) put('a', value);
    apply({ type: 'compact', revision: 3 });
    expect(hub.take('slow')).toEqual({ type: 'compacted', compactedRevision: 3 });
    expect([hub.size, hub.compactedCount]).toEqual([1, 1]);
    expect(put('z').woken).toEqual(['idle']);
    expect(hub.take('idle')).toMatchObject({ batches: [{ revision: 5 }] });
  });

  it('can be begun at the compacted revision, with the delete that happened there', () => {
    const { hub, apply, put } = makeHub();
    put('a');
    apply({ type: 'delete', range: { key: 'a' } });
    apply({ type: 'compact', revision: 3 });
    hub.watch('w', { key: 'a' }, 3);
    expect(hub.take('w')).toMatchObject({ batches: [{ revision: 3, events: [{ type: 'delete', key: 'a' }] }] });
    hub.watch('too early', { key: 'a' }, 2);
    expect(hub.take('too early')).toMatchObject({ type: 'compacted' });
  });

  it('goes on over a snapshot that replaced the history', () => {
    const { machine, hub, put } = makeHub();
    const leader = makeHub();
    for (const side of [leader, { put }]) side.put('a', '1');
    hub.watch('a', { key: 'a' });
    hub.watch('b', { key: 'b' });
    leader.put('a', '2');
    leader.put('c');
    const before = machine.revision;
    machine.restore(leader.machine.snapshot());
    expect(hub.replaced(before)).toEqual(['a', 'b']);
    expect(hub.take('a')).toMatchObject({ batches: [{ revision: 3 }], more: false });
    expect(hub.take('b')).toMatchObject({ batches: [], more: false });
  });

  it('forgets a watcher that is cancelled', () => {
    const { hub, put } = makeHub();
    hub.watch('one', { key: 'a' });
    hub.watch('two', { key: 'a' });
    hub.cancel('one');
    hub.cancel('one');
    expect(put('a').woken).toEqual(['two']);
    hub.cancel('two');
    expect(put('a').woken).toEqual([]);
    expect(hub.size).toBe(0);
  });

  it('gives every watcher each revision of its range once and in order, however it takes', () => {
    const notCompact = command.filter(({ type }) => type !== 'compact');
    const step = fc.oneof(
      notCompact.map((what) => ({ what })),
      fc.record({
        take: fc.nat(2),
        eventsMax: fc.integer({ min: 1, max: 4 }),
        revisionsMax: fc.integer({ min: 1, max: 4 }),
      }),
    );
    const watchers = fc.array(fc.record({ range, from: fc.integer({ min: 1, max: 8 }) }), {
      minLength: 3,
      maxLength: 3,
    });
    fc.assert(
      fc.property(watchers, fc.array(step, { maxLength: 60 }), (watched, steps) => {
        const { hub, apply } = makeHub();
        const taken: WatchBatch[][] = watched.map(() => []);
        const made: WatchBatch[] = [];
        for (const [at, { range: of, from }] of watched.entries()) hub.watch(`${at}`, of, from);
        const take = (at: number, limits = {}) => {
          const next = hub.take(`${at}`, limits);
          if (next.type === 'batches') taken[at]!.push(...next.batches);
          return next.type === 'batches' && next.more;
        };
        for (const one of steps) {
          if ('take' in one) {
            take(one.take, one);
            continue;
          }
          const { batch } = apply(one.what);
          if (batch) made.push(batch);
        }
        watched.forEach(({ range: of, from }, at) => {
          while (take(at));
          expect(taken[at]).toEqual(
            only(
              made.filter(({ revision }) => revision >= from),
              of,
            ),
          );
        });
      }),
      { numRuns: 300 },
    );
  });
});
