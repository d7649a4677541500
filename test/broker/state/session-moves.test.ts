import { describe, expect, it } from 'vitest';
import { encodeMoved, type MovedDelivery } from '../../../broker/sessions/index.ts';
import { type BatchMessage, type BrokerRecord, BrokerState, type Session } from '../../../broker/state/index.ts';
import { BOUNDS } from '../support/store.ts';

const CLIENT = { clientId: 'c' };

/** The state of broker b with one kept session, and a journal that goes on. */
function createState(): { apply: (record: BrokerRecord) => void; session: Session; queued: () => string[] } {
  const state = new BrokerState('b', BOUNDS);
  let position = 0;
  const apply = (record: BrokerRecord): void => void state.apply(position++, record);
  apply({ kind: 'session', ...CLIENT, username: 'u' });
  const session = state.sessions.get('c') as Session;
  const queued = (): string[] => [...session.queue.deliveries()].map(({ message }) => message.payload.toString());
  return { apply, session, queued };
}

function begin(parts: Partial<BrokerRecord & { kind: 'moveBegin' }> = {}): BrokerRecord {
  const subscriptions = [{ topic: 't', qos: 1 as const }];
  return { kind: 'moveBegin', ...CLIENT, from: 'a', subscriptions, incoming: [], inflight: [], known: [], ...parts };
}

function moved(...all: (Partial<MovedDelivery> & { identity: string; text: string })[]): BrokerRecord {
  const payload = Buffer.concat(
    all.map(({ text, ...rest }) =>
      encodeMoved({
        topic: 't',
        payload: Buffer.from(text),
        isText: false,
        qos: 1,
        messageQos: 1,
        retain: false,
        phase: 'queued',
        ...rest,
      }),
    ),
  );
  return { kind: 'moved', ...CLIENT, from: 'a', payload };
}

/** What broker a published, as it comes over a link. */
function fromA(position: number, sequence: number, text: string): BrokerRecord {
  const messages: BatchMessage[] = [{ topic: 't', payload: Buffer.from(text), qos: 1, retain: false, sequence }];
  return { kind: 'batch', stampMs: 0, messages, link: { peer: 'a', incarnation: 'i', position, previous: -1 } };
}

describe('a session that comes from another broker', () => {
  it('is put together from both sides: what comes in front, what is here already once', () => {
    const { apply, queued } = createState();
    apply(begin());
    apply(fromA(7, 7 * 4_096, 'seven'));
    apply(moved({ identity: 'a/i/40960', text: 'five' }, { identity: `a/i/${2 * 7 * 4_096}`, text: 'seven' }));
    apply(moved({ identity: 'a/i/49152', text: 'six' }));
    expect(queued()).toEqual(['five', 'six', 'seven']);
    apply({ kind: 'moveEnd', ...CLIENT, from: 'a' });
    apply(fromA(8, 8 * 4_096, 'eight'));
    expect(queued()).toEqual(['five', 'six', 'seven', 'eight']);
  });

  it('keeps the order of each publishing broker, whichever of two brokers gives its part first', () => {
    const parts = [
      moved({ identity: 'c/i/8', text: 'c4' }, { identity: '=20', text: 'b10' }, { identity: 'c/i/10', text: 'c5' }),
      moved(
        { identity: 'c/i/3~$share/g/t', text: 'c3' },
        { identity: '=2', text: 'b1' },
        { identity: 'c/i/9:t', text: 'kept' },
      ),
      moved({ identity: 'c/i/12', text: 'c6' }, { identity: 'd/i/2', text: 'd1' }),
    ];
    for (const order of [
      [0, 1, 2],
      [1, 0, 2],
      [2, 1, 0],
      [2, 0, 1],
    ]) {
      const { apply, queued } = createState();
      apply(begin());
      apply(fromA(7, 7 * 4_096, 'live'));
      for (const index of order) apply(parts[index] as BrokerRecord);
      const of = (origin: string): string[] => queued().filter((text) => text.startsWith(origin));
      expect(of('c'), `${order}`).toEqual(['c3', 'c4', 'c5', 'c6']);
      expect(of('b'), `${order}`).toEqual(['b1', 'b10']);
      expect(queued()).toHaveLength(9);
      expect(queued().at(-1)).toBe('live');
    }
  });

  it('puts what is still on its way here behind what has arrived', () => {
    const { apply, queued } = createState();
    apply(begin());
    apply(fromA(5, 5 * 4_096, 'five'));
    apply(fromA(6, 6 * 4_096, 'six'));
    const identity = (sequence: number): string => `a/i/${2 * sequence * 4_096}`;
    apply(moved({ identity: identity(4), text: 'four' }, { identity: identity(7), text: 'seven' }));
    apply(fromA(7, 7 * 4_096, 'seven, again'));
    apply(fromA(8, 8 * 4_096, 'eight'));
    apply(moved({ identity: identity(3), text: 'three' }));
    expect(queued()).toEqual(['three', 'four', 'five', 'six', 'seven', 'eight']);
  });

  it('does not get again what was acknowledged while it came', () => {
    const { apply, session, queued } = createState();
    apply(begin());
    apply(fromA(7, 7 * 4_096, 'seven'));
    const [delivery] = [...session.queue.deliveries()];
    apply({ kind: 'acked', acks: [['c', [delivery?.id ?? '']]] });
    apply(moved({ identity: `a/i/${2 * 7 * 4_096}`, text: 'seven' }));
    expect(queued()).toEqual([]);
  });

  it('leaves out what the client has had elsewhere, and not what that broker has still to give', () => {
    const { apply, queued } = createState();
    apply({ kind: 'subscribe', ...CLIENT, subscriptions: [{ topic: 't', qos: 1 }] });
    apply(fromA(7, 7 * 4_096, 'had'));
    apply(fromA(8, 8 * 4_096, 'not had'));
    apply(begin({ known: [`a/i/${2 * 7 * 4_096}`] }));
    expect(queued()).toEqual(['not had']);
    apply(moved({ identity: `a/i/${2 * 7 * 4_096}`, text: 'had' }, { identity: 'a/i/6', text: 'new' }));
    expect(queued()).toEqual(['new', 'not had']);
  });

  it('takes back what it had given to a broker that gives it again', () => {
    const { apply, session, queued } = createState();
    apply(begin());
    apply(moved({ identity: 'a/i/2', text: 'one' }));
    const ids = [...session.queue.deliveries()].map(({ id }) => id);
    apply({ kind: 'given', ...CLIENT, ids });
    expect(queued()).toEqual([]);
    apply(moved({ identity: 'a/i/2', text: 'one' }));
    expect(queued()).toEqual(['one']);
  });

  it('keeps packet ids and phases of what was in flight, and takes none of those that are in flight elsewhere', () => {
    const { apply, session } = createState();
    apply(begin({ inflight: [1, 2, 3], incoming: [9] }));
    expect(session.takeMessageId()).toBe(4);
    expect([...session.incoming.keys()]).toEqual([9]);
    apply(
      moved(
        { identity: 'a/i/2', text: 'sent', messageId: 1, phase: 'sent', qos: 2, messageQos: 2 },
        { identity: 'a/i/4', text: 'released', messageId: 2, phase: 'released', qos: 2, messageQos: 2 },
      ),
    );
    expect([...session.queue.inflight].map(({ messageId, phase }) => [messageId, phase])).toEqual([
      [1, 'sent'],
      [2, 'released'],
    ]);
  });
});
