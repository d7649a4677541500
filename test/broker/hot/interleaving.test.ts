import fc from 'fast-check';
import type { Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { type DurableLog, openLog } from '../../../core/log/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { startBroker } from '../support/harness.ts';
import { RawClient } from '../support/raw-client.ts';

type Step =
  | { do: 'publish'; qos: 0 | 1 | 2; retain: boolean; topic: number }
  | { do: 'ping' }
  | { do: 'subscribe' }
  | { do: 'unsubscribe' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('publish' as const),
      qos: fc.constantFrom(0 as const, 1 as const, 1 as const, 1 as const, 2 as const),
      retain: fc.oneof({ weight: 6, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
      topic: fc.nat(2),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Step>({ do: 'ping' }, { do: 'subscribe' }, { do: 'unsubscribe' }),
  },
);
const scripts = fc.array(fc.array(step, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 3 });

const OWN_FILTER = 'mesh/v1/elsewhere/#';

/** A publisher's packets; its messages are numbered, and its packet ids too. */
function packetsOf(script: readonly Step[], publisher: number, topicOf: (topic: number) => string): Packet[] {
  return script.map((each, index): Packet => {
    const messageId = index + 1;
    if (each.do === 'ping') return { cmd: 'pingreq' };
    if (each.do === 'unsubscribe') return { cmd: 'unsubscribe', messageId, unsubscriptions: [OWN_FILTER] };
    if (each.do === 'subscribe') {
      return { cmd: 'subscribe', messageId, subscriptions: [{ topic: OWN_FILTER, qos: 1 }] };
    }
    const { qos, retain } = each;
    const payload = `${publisher}:${index}`;
    const id = qos > 0 ? { messageId } : {};
    return { cmd: 'publish', topic: topicOf(each.topic), payload, qos, retain, dup: false, ...id };
  });
}

describe.each([true, false])('publishes of every kind, interleaved and cut anywhere (hot path: %s)', (hotPath) => {
  it('reach each subscriber once, in order by publisher and topic, and are acknowledged in order', async () => {
    let journal: DurableLog | undefined;
    const openJournal = async (options: Parameters<typeof openLog>[0]): Promise<DurableLog> => {
      journal = await openLog(options, { clock: systemClock });
      return journal;
    };
    const { port } = await startBroker({ hotPath }, { openJournal });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(scripts, fc.nat(), fc.constantFrom(3, 40, 2_000), async (all, seed, cutMax) => {
        run += 1;
        const random = seededRandom(seed);
        const topicOf = (topic: number): string => `mesh/v1/r${run}/d${topic}/state`;
        const filter = `mesh/v1/r${run}/+/state`;
        const subscribers = await Promise.all(
          [0, 1, 2].map((qos) => RawClient.open(port, `sub-${run}-${qos}`, qos !== 1)),
        );
        for (const [qos, subscriber] of subscribers.entries()) {
          await subscriber.subscribe(filter, qos as 0 | 1 | 2);
        }
        const publishers = await Promise.all(all.map((_, index) => RawClient.open(port, `pub-${run}-${index}`, true)));
        await Promise.all(
          all.map((script, index) =>
            publishers[index]?.play(packetsOf(script, index, topicOf), () => 1 + random.below(cutMax)),
          ),
        );
        const published = all.flatMap((script, publisher) =>
          script.flatMap((each, index) => (each.do === 'publish' ? [{ ...each, name: `${publisher}:${index}` }] : [])),
        );
        for (const subscriber of subscribers) {
          await eventually(() => expect(subscriber.delivered.length).toBe(published.length));
          for (let topic = 0; topic < 3; topic++) {
            for (const publisher of all.keys()) {
              const mine = (name: string): boolean => name.startsWith(`${publisher}:`);
              const got = subscriber.delivered.filter((each) => each.topic === topicOf(topic) && mine(each.payload));
              const wanted = published
                .filter((each) => each.topic === topic && mine(each.name))
                .map(({ name }) => name);
              expect(got.map(({ payload }) => payload)).toEqual(wanted);
            }
          }
        }
        for (const [index, script] of all.entries()) {
          const publisher = publishers[index] as RawClient;
          const ids = (fits: (each: Step) => boolean): number[] =>
            script.flatMap((each, at) => (fits(each) ? [at + 1] : []));
          const numbered = (qos: number): number[] => ids((each) => each.do === 'publish' && each.qos === qos);
          await eventually(() => expect(publisher.pubacks).toEqual(numbered(1)));
          await eventually(() => expect(publisher.count('pubcomp')).toBe(numbered(2).length));
          await eventually(() => expect(publisher.count('pingresp')).toBe(ids((each) => each.do === 'ping').length));
          publisher.end();
        }
        for (const subscriber of subscribers) subscriber.end();
      }),
      { numRuns: 25 },
    );
    const records = (await journal?.read(0, 64 * 1_024 * 1_024)) ?? [];
    expect(records.some(({ payload }) => payload[0] === 2)).toBe(hotPath);
  }, 60_000);
});
