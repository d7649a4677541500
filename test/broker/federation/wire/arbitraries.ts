import fc from 'fast-check';
import { expect } from 'vitest';
import { DATA_BYTES_MAX, type DataFrame, type DataMessage } from '../../../../broker/federation/wire/index.ts';
import { LatticeError } from '../../../../core/errors/index.ts';

/** fast-check's `binary` unit is any code point but surrogates. */
export const topic = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 20 })
  .filter((text) => !text.startsWith('$SYS') && !/[+#\0]/.test(text));
export const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 });
export const position = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat());

function messageFor(destinations: number): fc.Arbitrary<DataMessage> {
  return fc.record(
    {
      topic: fc.oneof(fc.constantFrom('a', 'b/é'), topic),
      payload: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
      qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      retain: fc.boolean(),
      to: fc.nat({ max: 2 ** destinations - 1 }),
      stamp: fc.record({ ms: fc.double({ noNaN: true, noDefaultInfinity: true }), broker: name }),
      shares: fc.array(fc.record({ filter: name, to: fc.nat({ max: destinations - 1 }) }), { maxLength: 3 }),
    },
    { requiredKeys: ['topic', 'payload', 'qos', 'retain', 'to'] },
  );
}

/** Frames with 1 to 32 destinations, durable and volatile. */
export const dataFrame: fc.Arbitrary<DataFrame> = fc
  .tuple(fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 30, max: 32 })), fc.boolean(), position)
  .chain(([count, isVolatile, until]) =>
    fc.record({
      count: fc.constant(count),
      isVolatile: fc.constant(isVolatile),
      until: fc.constant(until),
      start: fc.nat({ max: until }),
    }),
  )
  .chain(({ count, isVolatile, until, start }) => {
    const destination = fc.record({
      node: name,
      from: isVolatile ? fc.constant(0) : fc.nat({ max: start }),
    });
    return fc.record({
      origin: name,
      incarnation: name,
      hopsLeft: fc.nat({ max: 255 }),
      isVolatile: fc.constant(isVolatile),
      start: fc.constant(isVolatile ? 0 : start),
      until: fc.constant(isVolatile ? 0 : until),
      destinations: fc.array(destination, { minLength: count, maxLength: count }),
      messages: fc
        .tuple(fc.array(messageFor(count), { maxLength: 6 }), fc.option(fc.array(fc.nat(), { minLength: 6 })))
        .map(([messages, jumps]) => (jumps === null ? messages : numbered(messages, jumps))),
    });
  });

/** With ascending sequences. */
function numbered(messages: DataMessage[], jumps: number[]): DataMessage[] {
  let sequence = -1;
  return messages.map((message, at) => {
    sequence += 1 + (jumps[at] as number);
    return { ...message, sequence };
  });
}

/** One message that compresses well. */
export function largeFrame(payloadBytes = DATA_BYTES_MAX - 100): DataFrame {
  return frameOf([{ topic: 't', payload: Buffer.alloc(payloadBytes), qos: 1, retain: false, to: 1 }]);
}

export function frameOf(messages: DataMessage[]): DataFrame {
  return {
    origin: 'a',
    incarnation: 'life-of-a',
    hopsLeft: 8,
    isVolatile: false,
    start: 5,
    until: 10,
    destinations: [{ node: 'b', from: 3 }],
    messages,
  };
}

/** Runs a decoder that may only fail with LINK_PROTOCOL. */
export function onlyProtocolErrors(decode: () => unknown): void {
  try {
    decode();
  } catch (error) {
    expect(error).toBeInstanceOf(LatticeError);
    expect((error as LatticeError).code).toBe('LINK_PROTOCOL');
  }
}

export const LINK_PROTOCOL = expect.objectContaining({ code: 'LINK_PROTOCOL' });
