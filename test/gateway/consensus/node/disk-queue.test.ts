import { expect, test } from 'vitest';
import { LatticeError } from '../../../../core/errors/index.ts';
import { VirtualClock } from '../../../../core/time/index.ts';
import { DiskQueue } from '../../../../gateway/consensus/node/disk-queue.ts';
import type { PersistBatch } from '../../../../gateway/consensus/replica/index.ts';
import { entryAt, snapshotAt } from '../storage/script.ts';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const batchOf = (index: number, snapshotIndex?: number): PersistBatch => ({
  snapshot: snapshotIndex === undefined ? undefined : snapshotAt(snapshotIndex, 1),
  hardState: { term: 1, vote: 0, commit: index },
  entries: [entryAt(index, 1)],
});

/** A queue on a disk whose writes end when the test says so. */
function open() {
  const clock = new VirtualClock();
  const writes: { indexes: number[]; snapshot: number | undefined; end: PromiseWithResolvers<void> }[] = [];
  const told: string[] = [];
  const persist = ({ entries, snapshot }: PersistBatch): Promise<void> => {
    const end = Promise.withResolvers<void>();
    writes.push({ indexes: entries.map(({ index }) => index), snapshot: snapshot?.metadata.index, end });
    return end.promise;
  };
  const queue = new DiskQueue({
    clock,
    storage: { persist, checkpoint: persist, close: async () => {}, isNew: false, recovered: undefined } as never,
    onPersisted: () => void told.push('persisted'),
    onFull: (isFull) => void told.push(isFull ? 'full' : 'room'),
    onFailed: () => void told.push('failed'),
  });
  return { clock, queue, writes, told };
}

test('what comes during a write goes together in the next, in order, and each batch is told of', async () => {
  const { queue, writes, told } = open();
  for (const index of [1, 2, 3]) queue.write(batchOf(index));
  writes[0]!.end.resolve();
  await turn();
  expect(writes.map(({ indexes }) => indexes)).toEqual([[1], [2, 3]]);
  expect(told).toEqual(['persisted']);
  writes[1]!.end.resolve();
  await turn();
  expect(told).toEqual(['persisted', 'persisted', 'persisted']);
});

test('a snapshot begins a write of its own', async () => {
  const { queue, writes } = open();
  queue.write(batchOf(1));
  queue.write(batchOf(2));
  queue.write(batchOf(51, 50));
  queue.write(batchOf(52));
  for (let nth = 0; nth < 3; nth++) {
    writes[nth]!.end.resolve();
    await turn();
  }
  expect(writes.map(({ indexes, snapshot }) => [indexes, snapshot])).toEqual([
    [[1], undefined],
    [[2], undefined],
    [[51, 52], 50],
  ]);
});

test('a full disk is tried again until there is room, and nothing overtakes', async () => {
  const { clock, queue, writes, told } = open();
  queue.write(batchOf(1));
  queue.write(batchOf(2));
  writes[0]!.end.reject(new LatticeError('DISK_FULL', 'Full.'));
  await turn();
  expect(told).toEqual(['full']);
  clock.advance(250);
  await turn();
  writes[1]!.end.resolve();
  await turn();
  expect(writes.map(({ indexes }) => indexes)).toEqual([[1], [1], [2]]);
  expect(told).toEqual(['full', 'room', 'persisted']);
});

test('a disk that failed is told once, and nothing is written any more', async () => {
  const { queue, writes, told } = open();
  queue.write(batchOf(1));
  writes[0]!.end.reject(new LatticeError('DISK_FAILED', 'Broken.'));
  await turn();
  queue.write(batchOf(2));
  await turn();
  expect(told).toEqual(['failed']);
  expect(writes).toHaveLength(1);
});
