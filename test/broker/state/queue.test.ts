import { describe, expect, it } from 'vitest';
import {
  createDelivery,
  type Delivery,
  type Message,
  OutboundQueue,
  type Qos,
  RetainedStore,
} from '../../../broker/state/index.ts';

function delivery(name: string, qos: Qos, payload = 'x'): Delivery {
  const message: Message = { position: 0, topic: name, payload: Buffer.from(payload), qos, retain: false };
  return createDelivery(name, message, name, qos);
}

function drain(queue: OutboundQueue): unknown[] {
  const names: unknown[] = [];
  for (let next = queue.take(1); next !== undefined; next = queue.take(1)) names.push(next.id);
  return names;
}

describe('the queue of a session', () => {
  it('gives messages back in the order of arrival, whatever their QoS', () => {
    const queue = new OutboundQueue({ messagesMax: 10, bytesMax: 1_000 });
    for (const [name, qos] of [
      ['a', 1],
      ['b', 0],
      ['c', 2],
      ['d', 0],
      ['e', 1],
    ] as const)
      queue.push(delivery(name, qos));
    expect(drain(queue)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('drops the oldest QoS 0 first at its bound, then the oldest, and counts', () => {
    const queue = new OutboundQueue({ messagesMax: 3, bytesMax: 1_000 });
    for (const [name, qos] of [
      ['a', 1],
      ['b', 0],
      ['c', 1],
    ] as const)
      queue.push(delivery(name, qos));
    expect(queue.push(delivery('d', 1))).toBe(1);
    expect(queue.push(delivery('e', 1))).toBe(1);
    expect(queue.dropped).toBe(2);
    expect(drain(queue)).toEqual(['c', 'd', 'e']);
  });

  it('is bounded in bytes too, and keeps the last message even if it alone is above the bound', () => {
    const queue = new OutboundQueue({ messagesMax: 10, bytesMax: 10 });
    queue.push(delivery('a', 1, '12345'));
    queue.push(delivery('b', 1, '12345'));
    expect(drain(queue)).toEqual(['b']);
    queue.push(delivery('c', 1, '1234567890123'));
    expect(queue.size).toBe(2);
    expect(drain(queue)).toEqual(['c']);
  });

  it('never drops what is in flight, and forgets it when it is acknowledged', () => {
    const queue = new OutboundQueue({ messagesMax: 1, bytesMax: 1_000 });
    queue.push(delivery('a', 1));
    queue.take(7);
    queue.push(delivery('b', 1));
    queue.push(delivery('c', 1));
    expect([...queue.deliveries()].map((each) => each.id)).toEqual(['a', 'c']);
    expect(queue.acknowledge(7)?.id).toBe('a');
    expect(queue.acknowledge(7)).toBeUndefined();
    expect(queue.size).toBe(1);
  });
});

describe('retained messages', () => {
  const entry = (topic: string, stampMs: number, payload = 'x', stampBroker = 'a') => {
    return { topic, stampMs, stampBroker, payload: Buffer.from(payload), qos: 1 as const };
  };

  it('come to the same in any order of merging: later stamp, then greater broker', () => {
    const entries = [entry('t', 2, 'two'), entry('t', 3, ''), entry('t', 3, 'b wins', 'b'), entry('t', 1, 'one')];
    for (let rotation = 0; rotation < entries.length; rotation++) {
      const store = new RetainedStore({ messagesMax: 10, tombstonesMax: 10 });
      for (const each of [...entries.slice(rotation), ...entries.slice(0, rotation), ...entries]) store.merge(each);
      expect([...store.matching('#')].map((each) => each.payload.toString())).toEqual(['b wins']);
      expect(store.tombstones).toBe(0);
    }
  });

  it('remember deletions, bounded by count and by age', () => {
    const store = new RetainedStore({ messagesMax: 10, tombstonesMax: 3 });
    for (let at = 1; at <= 5; at++) {
      store.merge(entry(`t${at}`, at));
      store.merge(entry(`t${at}`, at + 10, ''));
    }
    expect(store.tombstones).toBe(3);
    expect(store.merge(entry('t5', 14))).toBe(false);
    store.forgetTombstones(15);
    expect(store.tombstones).toBe(1);
    expect(store.size).toBe(0);
  });

  it('are bounded, and what is refused is counted', () => {
    const store = new RetainedStore({ messagesMax: 1, tombstonesMax: 3 });
    expect(store.merge(entry('a', 1))).toBe(true);
    expect(store.merge(entry('b', 1))).toBe(false);
    expect(store.merge(entry('a', 2))).toBe(true);
    expect([store.size, store.refused]).toEqual([1, 1]);
  });

  it('are moved back with their order and distances when the clock was ahead, and tell so those who sum them up', () => {
    const store = new RetainedStore({ messagesMax: 9, tombstonesMax: 3 });
    const HOUR_MS = 3_600_000;
    for (const each of [entry('believed', 60_100), entry('earlier', HOUR_MS + 30_000, 'x', 'b')]) store.merge(each);
    store.merge(entry('deleted', HOUR_MS + 90_000, ''));
    store.merge(entry('later than that', HOUR_MS + 100_001));
    const changes: string[] = [];
    store.onChanged = (gone, come) =>
      changes.push(`${gone?.stampMs}/${gone?.stampBroker} ${come?.stampMs}/${come?.stampBroker}`);
    const putBack = { aboveMs: 160_000, fromMs: HOUR_MS + 100_000, toMs: 100_000 };
    store.putBack(putBack, 'own');
    expect([...store.entries()].map(({ topic, stampMs }) => [topic, stampMs])).toEqual([
      ['believed', 60_100],
      ['earlier', 30_000],
      ['deleted', 90_000],
      ['later than that', HOUR_MS + 100_001],
    ]);
    expect(changes).toEqual(['3630000/b 30000/own', '3690000/a 90000/own']);
    // As when a journal is replayed on a checkpoint that was written meanwhile.
    store.putBack(putBack, 'own');
    expect(changes).toHaveLength(2);
    expect(store.wins(entry('deleted', 90_001))).toBe(true);
    store.forgetTombstones(95_000);
    expect(store.tombstones).toBe(0);
  });
});
