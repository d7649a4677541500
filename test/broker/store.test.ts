import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type BrokerStore, openIncarnation } from '../../broker/store/index.ts';
import { LatticeError } from '../../core/errors/index.ts';
import { systemRandom } from '../../core/random/index.ts';
import { HLC_COUNTS, VirtualClock } from '../../core/time/index.ts';
import { eventually } from '../support/eventually.ts';
import { MemoryLog } from './support/memory-log.ts';
import { BOUNDS, newFolder, openStore } from './support/store.ts';

const publish = (text: string) =>
  ({
    kind: 'publish',
    topic: 'mesh/v1/s/d/state',
    payload: Buffer.from(text),
    qos: 1,
    retain: false,
    stampMs: 0,
    origin: 'broker-42',
  }) as const;

async function withSession() {
  const log = new MemoryLog();
  const folder = await newFolder();
  const store = await openStore(log, folder);
  await store.commit({ kind: 'subscribe', clientId: 'c', subscriptions: [{ topic: 'mesh/v1/#', qos: 1 }] });
  for (const text of ['one', 'two', 'three']) await store.commit(publish(text));
  return { log, folder, store };
}

describe('the store', () => {
  it('trims the journal to the checkpoint, and comes back from both', async () => {
    const { log, folder, store } = await withSession();
    await store.close();
    expect(log.records).toEqual([]);
    const again = await openStore(log, folder);
    const texts = (): string[] =>
      [...(again.state.sessions.get('c')?.queue.deliveries() ?? [])].map(({ message }) => message.payload.toString());
    expect(texts()).toEqual(['one', 'two', 'three']);
    await again.commit(publish('four'));
    expect(texts()).toEqual(['one', 'two', 'three', 'four']);
  });

  it('does not deliver again what was acknowledged, after a crash a moment later', async () => {
    const { log, folder, store } = await withSession();
    const delivery = store.state.sessions.get('c')?.queue.take(1);
    store.state.sessions.get('c')?.queue.acknowledge(1);
    store.acknowledged('c', delivery?.id ?? -1);
    // The next record comes after the acknowledgement's delay; nothing is closed in order.
    await new Promise((resolve) => setTimeout(resolve, 80));
    await store.commit(publish('four'));
    const again = await openStore(log, folder);
    const waiting = [...(again.state.sessions.get('c')?.queue.deliveries() ?? [])];
    expect(waiting.map(({ message }) => message.payload.toString())).toEqual(['two', 'three', 'four']);
  });

  it('throws a damaged checkpoint away and goes on with what the journal holds', async () => {
    const { log, folder, store } = await withSession();
    const records = [...log.records];
    await store.close();
    const path = join(folder, 'checkpoint');
    const bytes = await readFile(path);
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 0xff;
    await writeFile(path, bytes);
    log.records.push(...records);
    log.firstPosition = 0;
    const again = await openStore(log, folder);
    expect(again.state.sessions.get('c')?.queue.size).toBe(3);
    await again.close();
  });

  it('names what waits anew when the journal begins anew, so that acknowledgements mean one message only', async () => {
    const { folder, store } = await withSession();
    await store.close();
    const again = await openStore(new MemoryLog(), folder);
    const session = again.state.sessions.get('c');
    for (const text of ['four', 'five', 'six']) await again.commit(publish(text));
    const ids = [...(session?.queue.deliveries() ?? [])].map(({ id }) => id);
    expect(new Set(ids).size).toBe(6);
  });

  it('takes no more records once half of the journal hangs on a checkpoint that fails, and goes on when it succeeds', async () => {
    const log = new MemoryLog();
    const folder = await newFolder();
    const clock = new VirtualClock();
    const store = await openStore(log, folder, BOUNDS, { clock, journalBytesMax: 10_000 });
    // A folder stands where the checkpoint is to be written.
    const obstacle = join(folder, 'checkpoint.tmp');
    await mkdir(join(obstacle, 'in the way'), { recursive: true });
    const refused = async (): Promise<void> => {
      for (;;) await store.commit(publish('x'.repeat(1_000)));
    };
    await expect(refused()).rejects.toMatchObject({ code: 'LOG_FULL' });
    expect(log.bytes).toBeLessThan(8_000);
    await rm(obstacle, { recursive: true });
    await eventually(async () => {
      clock.advance(5_000);
      await store.commit(publish('goes on'));
    });
    await eventually(() => expect(log.bytes).toBeLessThan(5_000));
  });

  it('applies changes in the order of the journal, whatever order their syncs end in', async () => {
    const waits = [30, 0, 15, 5];
    class UnevenLog extends MemoryLog {
      override async append(record: Uint8Array): Promise<number> {
        const position = await super.append(record);
        await new Promise((resolve) => setTimeout(resolve, waits[position] ?? 0));
        return position;
      }
    }
    const store = await openStore(new UnevenLog());
    const order: number[] = [];
    await Promise.all(
      waits.map((_, index) => store.commit(publish(String(index))).then(({ position }) => order.push(position))),
    );
    expect(order).toEqual([0, 1, 2, 3]);
  });
});

describe('stamps of a time when the clock was ahead', () => {
  const HOUR_MS = 3_600_000;
  const TICK_MS = 1 / HLC_COUNTS;
  const retain = async (store: BrokerStore, topic: string, text: string): Promise<void> => {
    const payload = Buffer.from(text);
    const stampMs = store.hlc.now();
    await store.commit({ kind: 'publish', topic, payload, qos: 1, retain: true, stampMs, origin: 'broker-42' });
  };
  const retained = ({ state }: BrokerStore): Record<string, [string, number]> =>
    Object.fromEntries(
      [...state.retained.entries()].map(({ topic, payload, stampMs }) => [topic, [payload.toString(), stampMs]]),
    );
  const create = async () => {
    const log = new MemoryLog();
    const folder = await newFolder();
    const clock = new VirtualClock();
    const rightMs = clock.wallMs();
    clock.setWallMs(rightMs + HOUR_MS);
    const open = () => openStore(log, folder, BOUNDS, { clock });
    return { log, clock, rightMs, open, store: await open() };
  };

  it.each(['crashed', 'stopped'])(
    'on disk are moved back once, and what is written then wins: the broker %s',
    async (how) => {
      const { clock, rightMs, open, store } = await create();
      await retain(store, 'a', 'one');
      clock.advance(10_000);
      await retain(store, 'b', 'two');
      if (how === 'stopped') await store.close();
      clock.setWallMs(rightMs + 10_000);
      const right = await open();
      expect(retained(right)).toEqual({ a: ['one', rightMs + TICK_MS], b: ['two', rightMs + 10_000] });
      await retain(right, 'a', 'three');
      if (how === 'stopped') await right.close();
      clock.advance(2 * HOUR_MS);
      const again = await open();
      expect(retained(again)).toEqual({ a: ['three', rightMs + 10_000 + 2 * TICK_MS], b: ['two', rightMs + 10_000] });
    },
  );

  it('that are still on their way to the disk are moved back too, before what is written then', async () => {
    const { log, clock, rightMs, open, store } = await create();
    log.hold();
    const first = retain(store, 'a', 'one');
    clock.setWallMs(rightMs);
    const second = retain(store, 'a', 'two');
    log.release();
    await Promise.all([first, second]);
    expect(retained(store)).toEqual({ a: ['two', rightMs + TICK_MS] });
    expect(retained(await open())).toEqual(retained(store));
  });

  it('are moved back as soon as the disk takes it', async () => {
    const { log, clock, rightMs, store } = await create();
    await retain(store, 'a', 'one');
    clock.setWallMs(rightMs);
    log.failWith = new LatticeError('DISK_FULL', 'The disk of the test is full.');
    await expect(retain(store, 'b', 'two')).rejects.toMatchObject({ code: 'DISK_FULL' });
    log.failWith = undefined;
    await eventually(() => {
      clock.advance(5_000);
      expect(retained(store)).toEqual({ a: ['one', rightMs] });
    });
  });

  it('within the bound are believed, and the clock goes on above them', async () => {
    const { clock, rightMs, open, store } = await create();
    await retain(store, 'a', 'one');
    clock.setWallMs(rightMs + HOUR_MS - 60_000);
    const again = await open();
    expect(retained(again)).toEqual({ a: ['one', rightMs + HOUR_MS + TICK_MS] });
    expect(again.hlc.now()).toBe(rightMs + HOUR_MS + 3 * TICK_MS);
  });
});

describe('the incarnation', () => {
  it('stays with its journal, and is another one when the journal is gone', async () => {
    const folder = await newFolder();
    const random = systemRandom();
    const first = await openIncarnation(folder, random, true);
    expect(await openIncarnation(folder, random, false)).toBe(first);
    const { log, folder: dataDir, store } = await withSession();
    expect(store.isJournalNew).toBe(true);
    await store.close();
    expect((await openStore(log, dataDir)).isJournalNew).toBe(false);
    const afterLoss = await openStore(new MemoryLog(), dataDir);
    expect(afterLoss.isJournalNew).toBe(true);
    await afterLoss.commit(publish('four'));
    expect(afterLoss.state.sessions.get('c')?.queue.size).toBe(4);
    expect(await openIncarnation(folder, random, true)).not.toBe(first);
  });
});
