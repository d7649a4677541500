import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../core/random/index.ts';
import { isLinearizableByDefinition } from './brute-force.ts';
import {
  checkHistory,
  explainHistory,
  type KvInput,
  kvModel,
  type Operation,
  type RegisterInput,
  type RegisterOutput,
  registerModel,
} from './index.ts';

type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

function operation(
  input: RegisterInput,
  output: RegisterOutput | undefined,
  invokedAt: number,
  returnedAt = invokedAt,
): RegisterOperation {
  return { process: 1, input, output, invokedAt, returnedAt };
}

const read = (output: RegisterOutput | undefined, from: number, to?: number): RegisterOperation =>
  operation({ op: 'read' }, output, from, to);
const write = (value: number, from: number, to?: number): RegisterOperation =>
  operation({ op: 'write', value }, true, from, to);
const lostWrite = (value: number, from: number): RegisterOperation =>
  operation({ op: 'write', value }, undefined, from);

const small = fc.integer({ min: 0, max: 2 });
const input: fc.Arbitrary<RegisterInput> = fc.oneof(
  fc.constant<RegisterInput>({ op: 'read' }),
  small.map((value): RegisterInput => ({ op: 'write', value })),
  fc.tuple(small, small).map(([expected, value]): RegisterInput => ({ op: 'cas', expected, value })),
);
/** Histories that are right about as often as not: few values, short spans. */
const history = fc.array(
  fc
    .tuple(input, small, fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 2 }))
    .map(([asked, answer, from, span, luck]) => {
      const output = asked.op === 'read' ? answer : asked.op === 'cas' ? answer === 0 : true;
      return operation(asked, luck === 0 ? undefined : output, from, from + span);
    }),
  { maxLength: 6 },
);

describe('checkHistory', () => {
  it('says what the definition says, of small random histories', () => {
    let linearizable = 0;
    fc.assert(
      fc.property(history, (operations) => {
        const expected = isLinearizableByDefinition(registerModel, operations);
        if (expected) linearizable += 1;
        return checkHistory(registerModel, operations) === (expected ? 'linearizable' : 'not-linearizable');
      }),
      { numRuns: 2_000 },
    );
    expect(linearizable).toBeGreaterThan(100);
    expect(linearizable).toBeLessThan(1_900);
  });

  it('takes a history without operations', () => {
    expect(checkHistory(registerModel, [])).toBe('linearizable');
  });

  it('refuses a stale read after a write returned, and takes it while the write is under way', () => {
    expect(checkHistory(registerModel, [write(1, 0, 1), write(2, 2, 3), read(1, 4, 5)])).toBe('not-linearizable');
    expect(checkHistory(registerModel, [write(1, 0, 1), write(2, 2, 6), read(1, 4, 5)])).toBe('linearizable');
  });

  it('takes operations that touch at one instant as overlapping', () => {
    expect(checkHistory(registerModel, [write(1, 0, 1), read(null, 1, 2)])).toBe('linearizable');
  });

  it('lets an operation of unknown outcome take effect late, or never, but not before it began', () => {
    expect(checkHistory(registerModel, [lostWrite(7, 0), read(null, 5, 6), read(7, 8, 9)])).toBe('linearizable');
    expect(checkHistory(registerModel, [lostWrite(7, 0), read(null, 5, 6), read(null, 8, 9)])).toBe('linearizable');
    expect(checkHistory(registerModel, [lostWrite(7, 0), read(7, 5, 6), read(null, 8, 9)])).toBe('not-linearizable');
    expect(checkHistory(registerModel, [read(7, 1, 2), lostWrite(7, 3)])).toBe('not-linearizable');
  });

  it('lets an operation of unknown outcome take effect once only', () => {
    const twice = [lostWrite(7, 0), read(7, 1, 2), write(1, 3, 4), read(7, 5, 6)];
    expect(checkHistory(registerModel, twice)).toBe('not-linearizable');
    expect(checkHistory(registerModel, [...twice, lostWrite(7, 4)])).toBe('linearizable');
  });

  it('says unknown when the steps do not suffice', () => {
    const operations = Array.from({ length: 30 }, (_, index) => write(index, 0, 100));
    expect(checkHistory(registerModel, [...operations, read(77, 50, 60)], { stepsMax: 20_000 })).toBe('unknown');
  });

  it('uses up an operation of unknown outcome only where another way needs it less', () => {
    // To 1 by either of the two; only the lost cas can be spared, since the lost write is needed at the end.
    const lostCas = operation({ op: 'cas', expected: 2, value: 1 }, undefined, 1);
    const operations = [write(2, 0, 0), lostWrite(1, 1), lostCas, read(1, 3, 3), write(3, 4, 4), read(1, 5, 5)];
    expect(checkHistory(registerModel, operations)).toBe('linearizable');
    expect(checkHistory(registerModel, [...operations, write(4, 6, 6), read(1, 7, 7)])).toBe('not-linearizable');
  });

  it('does not try observations in every order', () => {
    const reads = Array.from({ length: 16 }, () => read(null, 0, 10));
    expect(checkHistory(registerModel, [...reads, read(5, 0, 20)], { stepsMax: 500 })).toBe('not-linearizable');
  });

  it('judges keys apart, and names the key and the operation that does not fit', () => {
    const on = (asked: KvInput, output: string, at: number): Operation<KvInput, string> => ({
      process: `client ${at}`,
      input: asked,
      output,
      invokedAt: at,
      returnedAt: at,
    });
    const operations = [
      on({ op: 'append', key: 'a', value: 'x' }, '', 1),
      on({ op: 'put', key: 'b', value: 'y' }, '', 2),
      on({ op: 'get', key: 'a' }, 'x', 3),
      on({ op: 'get', key: 'b' }, '', 4),
    ];
    expect(checkHistory(kvModel, operations.slice(0, 3))).toBe('linearizable');
    const text = explainHistory(kvModel, operations);
    expect(text).toMatch(/^not-linearizable: part b, 2 operations/);
    expect(text.split('\n').at(-1)).toContain('process client 4: get b -> ""');
  });

  it('judges 5,000 operations of one key, one in fifty of unknown outcome, in a million steps', () => {
    const random = seededRandom('many operations');
    const operations: RegisterOperation[] = [];
    let value: number | null = null;
    for (let at = 0; at < 50_000; at += 10) {
      const from = at - random.below(40);
      const asked: RegisterInput = random.next() < 0.5 ? { op: 'read' } : { op: 'write', value: at };
      const isLost = random.next() < 0.02;
      if (asked.op === 'write' && !(isLost && random.next() < 0.5)) value = asked.value;
      operations.push(
        operation(asked, isLost ? undefined : asked.op === 'read' ? value : true, from, at + random.below(40)),
      );
    }
    expect(checkHistory(registerModel, operations, { stepsMax: 1_000_000 })).toBe('linearizable');
  });
});
