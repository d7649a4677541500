import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeTimeAnswer,
  decodeTimeQuestion,
  encodeTimeAnswer,
  encodeTimeQuestion,
  type TimeAnswer,
} from '../../../../core/mesh-time/index.ts';

const ID = '9f2c51d07be3a844';
const answer: TimeAnswer = {
  ...{ id: ID, t1Ms: 81_234.125, t2Ms: 1_763_800_000_000.25, t3Ms: 1_763_800_000_000.5 },
  ...{ uncertaintyMs: 0.4, kind: 'absolute', serverId: 'gateway-1' },
};

describe('questions and answers as JSON', () => {
  it('come back as they went, a server without a time too', () => {
    const question = { id: ID, t1Ms: 81_234.125 };
    expect(decodeTimeQuestion(Buffer.from(encodeTimeQuestion(question)))).toEqual(question);
    expect(decodeTimeAnswer(Buffer.from(encodeTimeAnswer(answer)))).toEqual(answer);
    const none: TimeAnswer = { ...answer, kind: 'none', uncertaintyMs: Number.POSITIVE_INFINITY };
    expect(decodeTimeAnswer(Buffer.from(encodeTimeAnswer(none)))).toEqual(none);
  });

  it.each([
    ['nothing', ''],
    ['no JSON', 'LCP'],
    ['no object', '[]'],
    ['an id of another form', '{"id":"17","t1":1}'],
    ['a time that is text', `{"id":"${ID}","t1":"1"}`],
    ['too much', `{"id":"${ID}","t1":1,"x":"${'x'.repeat(100)}"}`],
  ])('refuse %s as a question', (_, text) => {
    expect(decodeTimeQuestion(Buffer.from(text))).toBeUndefined();
  });

  it('refuse as an answer whatever has one field wrong', () => {
    const json = JSON.parse(encodeTimeAnswer(answer));
    const wrong = { id: 'x', t1: null, t2: 'now', t3: null, u: -1, kind: 'exact', by: '' };
    for (const [key, value] of Object.entries(wrong)) {
      expect(decodeTimeAnswer(Buffer.from(JSON.stringify({ ...json, [key]: value }))), key).toBeUndefined();
    }
  });

  it('never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(decodeTimeQuestion(bytes)).toBeUndefined();
        expect(decodeTimeAnswer(bytes)).toBeUndefined();
      }),
    );
  });
});
