import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derivedPassword } from '../../../../core/identity/index.ts';
import {
  decodeAnswerPacket,
  decodeQuestionPacket,
  draftAnswerPacket,
  encodeQuestionPacket,
  TIME_PACKET_BYTES,
  type TimeAnswer,
  timePacketKey,
} from '../../../../core/mesh-time/index.ts';

const SITE_KEY = 'a site key of some length';
const keyOf = (device: string) => timePacketKey(derivedPassword(SITE_KEY, 'device', device));
const question = { id: '9f2c51d07be3a844', t1Ms: 81_234.125 };
const answer: TimeAnswer = {
  ...{ ...question, t2Ms: 1_763_800_000_000.25, t3Ms: 1_763_800_000_000.5 },
  ...{ uncertaintyMs: 0.4, kind: 'relative', serverId: 'gateway-1' },
};
const { t3Ms, ...undated } = answer;
const asked = encodeQuestionPacket('pi', question, keyOf('pi'));
const answered = draftAnswerPacket('pi', undated, keyOf('pi'))(t3Ms);

describe('questions and answers over UDP', () => {
  it('come back as they went, and the answer is no longer than the question', () => {
    expect(decodeQuestionPacket(asked, keyOf)).toEqual({ device: 'pi', question });
    expect(decodeAnswerPacket(answered, 'pi', keyOf('pi'))).toEqual({ answer });
    expect([asked.length, answered.length]).toEqual([TIME_PACKET_BYTES, TIME_PACKET_BYTES]);
    const none: TimeAnswer = { ...answer, kind: 'none', uncertaintyMs: Number.POSITIVE_INFINITY };
    const bytes = draftAnswerPacket('pi', none, keyOf('pi'))(t3Ms);
    expect(decodeAnswerPacket(bytes, 'pi', keyOf('pi'))).toEqual({ answer: none });
  });

  it('are refused when a single bit is another', () => {
    for (let at = 0; at < TIME_PACKET_BYTES; at++) {
      for (const [bytes, decode] of [
        [asked, (it: Buffer) => decodeQuestionPacket(it, keyOf)],
        [answered, (it: Buffer) => decodeAnswerPacket(it, 'pi', keyOf('pi'))],
      ] as const) {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] as number) ^ (1 << (at % 8));
        expect(decode(changed), `byte ${at}`).toHaveProperty('fault');
      }
    }
  });

  it('are of one device and one direction', () => {
    expect(decodeAnswerPacket(answered, 'pi2', keyOf('pi2'))).toEqual({ fault: 'name' });
    expect(decodeAnswerPacket(answered, 'pi', keyOf('pi2'))).toEqual({ fault: 'tag' });
    expect(decodeAnswerPacket(asked, 'pi', keyOf('pi'))).toEqual({ fault: 'type' });
    expect(decodeQuestionPacket(answered, keyOf)).toEqual({ fault: 'type' });
    const posing = encodeQuestionPacket('pi', question, keyOf('pi2'));
    expect(decodeQuestionPacket(posing, keyOf)).toEqual({ fault: 'tag' });
  });

  it('never throw', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc
        .uint8Array({ minLength: TIME_PACKET_BYTES - 5, maxLength: TIME_PACKET_BYTES - 5 })
        .map((rest) => [...asked.subarray(0, 5), ...rest]),
    );
    fc.assert(
      fc.property(bytes, (it) => {
        expect(decodeQuestionPacket(Buffer.from(it), keyOf)).toHaveProperty('fault');
        expect(decodeAnswerPacket(Buffer.from(it), 'pi', keyOf('pi'))).toHaveProperty('fault');
      }),
    );
  });
});
