import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { PACKETS_HEADER_BYTES, writePacketsHeader } from '../../../broker/state/batch.ts';
import {
  BATCH_MESSAGES_MAX,
  type BatchMessage,
  type BatchRecord,
  BrokerState,
  decodeRecord,
  encodeRecord,
  messagesOf,
} from '../../../broker/state/index.ts';
import { BOUNDS } from '../support/store.ts';

const LINK = { peer: 'peer', incarnation: 'i', position: 4, previous: -1 };

function message(topic: string, text: string, parts: Partial<BatchMessage> = {}): BatchMessage {
  return { topic, payload: Buffer.from(text), qos: 1, retain: false, ...parts };
}

function batch(messages: BatchMessage[], parts: Partial<BatchRecord> = {}): BatchRecord {
  return { kind: 'batch', stampMs: 7, messages, ...parts };
}

function packets(...all: { topic: string; payload: string; qos: 0 | 1; messageId?: number; dup?: boolean }[]): Buffer {
  const header = Buffer.alloc(PACKETS_HEADER_BYTES);
  writePacketsHeader(header, 42);
  return Buffer.concat([
    header,
    ...all.map((each) => generate({ cmd: 'publish', retain: false, dup: false, ...each })),
  ]);
}

describe('a batch of PUBLISH packets', () => {
  it('is read back as messages, whatever their QoS and length', () => {
    const long = 'x'.repeat(20_000);
    const record = packets(
      { topic: 'a/ä', payload: 'one', qos: 1, messageId: 65_535, dup: true },
      { topic: 'b', payload: '', qos: 0 },
      { topic: 'c', payload: long, qos: 1, messageId: 1 },
    );
    expect(decodeRecord(record)).toEqual({
      kind: 'batch',
      stampMs: 42,
      messages: [message('a/ä', 'one'), message('b', '', { qos: 0 }), message('c', long)],
    });
  });

  it('gives its messages to federation as views on the record', () => {
    const record = packets({ topic: 'a', payload: 'one', qos: 1, messageId: 1 });
    const [found] = messagesOf(record);
    expect(found?.topic).toBe('a');
    expect(found?.payload.buffer).toBe(record.buffer);
  });
});

describe('the messages of local clients in a record', () => {
  it('are those of a publish and of a batch, and none of what came over a link or is of another kind', () => {
    const publish = {
      kind: 'publish',
      topic: 't',
      payload: Buffer.from('x'),
      qos: 1,
      stampMs: 9,
      origin: 'b',
    } as const;
    const texts = (record: Parameters<typeof encodeRecord>[0]): string[] =>
      messagesOf(encodeRecord(record)).map(({ topic, payload }) => `${topic} ${Buffer.from(payload)}`);
    expect(texts({ ...publish, retain: false })).toEqual(['t x']);
    expect(messagesOf(encodeRecord({ ...publish, retain: true }))).toMatchObject([{ retain: true, stampMs: 9 }]);
    expect(texts({ ...publish, retain: false, link: LINK })).toEqual([]);
    expect(texts(batch([message('a', 'one'), message('b', 'two')]))).toEqual(['a one', 'b two']);
    expect(texts(batch([message('a', 'one')], { link: LINK }))).toEqual([]);
    expect(texts({ kind: 'end', clientId: 'c' })).toEqual([]);
  });
});

describe('a batch in the state', () => {
  function subscribed(): BrokerState {
    const state = new BrokerState('b', BOUNDS);
    state.apply(0, { kind: 'subscribe', clientId: 'c', subscriptions: [{ topic: '#', qos: 1 }] });
    return state;
  }
  const queued = (state: BrokerState): string[] =>
    [...(state.sessions.get('c')?.queue.deliveries() ?? [])].map(({ message: { payload } }) => payload.toString());

  it('gives each of its messages a name of its own, so that one can be acknowledged without the others', () => {
    const state = subscribed();
    state.apply(1, batch([message('a', 'one'), message('a', 'two'), message('a', 'three')]));
    const ids = [...(state.sessions.get('c')?.queue.deliveries() ?? [])].map(({ id }) => id);
    expect(new Set(ids).size).toBe(3);
    state.apply(2, { kind: 'acked', acks: [['c', [ids[1] as number]]] });
    expect(queued(state)).toEqual(['one', 'three']);
  });

  it('is taken from a link as a whole or not at all', () => {
    const state = subscribed();
    const fromPeer = (position: number, previous: number) =>
      batch([message('a', `${position}.0`), message('a', `${position}.1`)], { link: { ...LINK, position, previous } });
    expect(state.apply(1, fromPeer(9, 7)).taken).toBe(false);
    expect(queued(state)).toEqual([]);
    expect(state.apply(2, fromPeer(7, -1)).messages.length).toBe(2);
    expect(state.apply(3, fromPeer(9, 7)).taken).toBe(true);
    expect(queued(state)).toEqual(['7.0', '7.1', '9.0', '9.1']);
  });

  it('merges stamped messages by the later stamp, routes the winners alone, and an empty one deletes', () => {
    const state = subscribed();
    const stamped = (text: string, stampMs: number): BatchMessage =>
      message('r', text, { retain: true, stampMs, stampBroker: 'peer' });
    state.apply(1, batch([stamped('new', 5), stamped('old', 3)], { link: LINK }));
    expect(queued(state)).toEqual(['new']);
    expect([...state.retained.matching('#')].map(({ payload }) => payload.toString())).toEqual(['new']);
    state.apply(2, batch([stamped('', 6)], { link: { ...LINK, position: 5, previous: 4 } }));
    expect([...state.retained.matching('#')]).toEqual([]);
    expect(queued(state)).toEqual(['new', '']);
  });

  it('keeps no more in memory than the messages that wait', () => {
    const state = subscribed();
    const record = decodeRecord(encodeRecord(batch([message('a', 'one'), message('b', 'x'.repeat(50_000))])));
    state.apply(1, record as BatchRecord);
    const kept = [...(state.sessions.get('c')?.queue.deliveries() ?? [])].map(({ message: { payload } }) => payload);
    expect(kept.map((payload) => (payload as Buffer).buffer.byteLength)).toEqual([3, 50_000]);
  });

  it('of too many messages is refused, since their names would run into those of the next record', () => {
    const messages = Array.from({ length: BATCH_MESSAGES_MAX + 1 }, () => message('a', ''));
    expect(() => encodeRecord(batch(messages))).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
    expect(encodeRecord(batch(messages.slice(1)))).toBeInstanceOf(Buffer);
  });
});
