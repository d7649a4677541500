import { describe, expect, it, vi } from 'vitest';
import { LatticeError } from '../../../core/errors/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import type { Point } from '../../../core/wire/index.ts';
import { encodeRecord } from '../../../gateway/buffer/index.ts';
import { RecentLatency, Replicator } from '../../../gateway/replication/index.ts';
import type { TimeSeriesStore, WriteResult } from '../../../gateway/store/index.ts';
import { eventually } from '../../support/eventually.ts';
import { MemoryLog } from '../../support/memory-log.ts';

function readingRecord(seq: number): Uint8Array {
  const reading = { site: 'home', device: 'd', boot: 'b', seq, tsMs: 1_800_000_000_000, timeQuality: 'sync' as const };
  return encodeRecord({ type: 'reading', reading: { ...reading, metrics: { temperature: seq } } });
}

class FakeStore implements TimeSeriesStore {
  readonly name = 'fake';
  readonly written: bigint[] = [];
  failures = 0;
  reject: (point: Point) => string | undefined = () => undefined;

  async write(points: readonly Point[]): Promise<WriteResult> {
    if (this.failures > 0) {
      this.failures--;
      throw new LatticeError('STORE_UNREACHABLE', 'away');
    }
    const rejected: WriteResult['rejected'] = [];
    points.forEach((point, index) => {
      const reason = this.reject(point);
      if (reason === undefined) this.written.push(point.fields['seq'] as bigint);
      else rejected.push({ index, reason });
    });
    return { rejected };
  }

  async query() {
    return [];
  }
  async ping() {}
  async ensureDatabase() {}
  async close() {}
}

function setUp(startPosition = 0) {
  const log = new MemoryLog();
  const store = new FakeStore();
  const onRejected = vi.fn();
  const onUnreadable = vi.fn();
  const onStoreState = vi.fn();
  const settled = { stored: 0, rejected: 0 };
  const replicator = new Replicator({
    log,
    store,
    clock: systemClock,
    random: seededRandom(1),
    latency: new RecentLatency(),
    startPosition,
    batchBytesMax: 300,
    lingerMs: 0,
    backoffMsMin: 1,
    backoffMsMax: 4,
    onSettled: (stored, rejected) => {
      settled.stored += stored;
      settled.rejected += rejected;
    },
    onRejected,
    onUnreadable,
    onStoreState,
  });
  return { log, store, replicator, onRejected, onUnreadable, onStoreState, settled };
}

describe('Replicator', () => {
  it('copies the buffer in order and moves on only behind what the store has', async () => {
    const { log, store, replicator } = setUp();
    for (let seq = 1; seq <= 20; seq++) await log.append(readingRecord(seq));
    replicator.start();
    await eventually(() => expect(replicator.position).toBe(20));
    expect(store.written).toEqual(Array.from({ length: 20 }, (_, index) => BigInt(index + 1)));
    expect(replicator.counters.batches).toBeGreaterThan(1);
    await replicator.stop();
  });

  it('loses nothing in an outage, and tells of it once', async () => {
    const { log, store, replicator, onStoreState } = setUp();
    store.failures = 5;
    await log.append(readingRecord(1));
    replicator.start();
    await eventually(() => expect(replicator.position).toBe(1));
    expect(store.written).toEqual([1n]);
    expect(onStoreState.mock.calls.map(([isUp]) => isUp)).toEqual([false, true]);
    await replicator.stop();
  });

  it('does not move on while the store is away, and ends when told to', async () => {
    const { log, store, replicator } = setUp();
    store.failures = Number.POSITIVE_INFINITY;
    await log.append(readingRecord(1));
    replicator.start();
    await eventually(() => expect(replicator.counters.retries).toBeGreaterThan(2));
    await replicator.stop();
    expect(replicator.position).toBe(0);
  });

  it('hands on what the store refuses for good, and stores the rest', async () => {
    const { log, store, replicator, onRejected, settled } = setUp();
    store.reject = (point) => (point.fields['seq'] === 2n ? 'field type conflict' : undefined);
    for (let seq = 1; seq <= 3; seq++) await log.append(readingRecord(seq));
    replicator.start();
    await eventually(() => expect(replicator.position).toBe(3));
    expect(store.written).toEqual([1n, 3n]);
    expect(onRejected.mock.calls.map(([record, reason]) => [record.reading.seq, reason])).toEqual([
      [2, 'field type conflict'],
    ]);
    expect(settled).toEqual({ stored: 2, rejected: 1 });
    await replicator.stop();
  });

  it('tells of bytes that it cannot read, and goes on behind them', async () => {
    const { log, store, replicator, onUnreadable } = setUp();
    await log.append(readingRecord(1));
    await log.append(Buffer.from('{"z":1}'));
    await log.append(readingRecord(2));
    replicator.start();
    await eventually(() => expect(replicator.position).toBe(3));
    expect(store.written).toEqual([1n, 2n]);
    expect(onUnreadable).toHaveBeenCalledOnce();
    await replicator.stop();
  });

  it('goes on where it was told to', async () => {
    const { log, store, replicator } = setUp(2);
    for (let seq = 1; seq <= 4; seq++) await log.append(readingRecord(seq));
    replicator.start();
    await eventually(() => expect(replicator.position).toBe(4));
    expect(store.written).toEqual([3n, 4n]);
    await replicator.stop();
  });
});
