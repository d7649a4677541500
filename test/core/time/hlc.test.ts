import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../core/errors/index.ts';
import { compareHlc, decodeHlc, encodeHlc, HLC_BYTES, HLC_COUNTS, Hlc } from '../../../core/time/index.ts';

const START_MS = 1_700_000_000_000;
const TICK_MS = 1 / HLC_COUNTS;
const NODES = 4;

const counterOf = (stampMs: number): number => (stampMs % 1) * HLC_COUNTS;

/** What happens in a history: time passes, an error of a node's clock changes, a node does something, sends, or receives. */
type Step =
  | { type: 'pass'; ms: number }
  | { type: 'err'; node: number; errorMs: number }
  | { type: 'local'; node: number }
  | { type: 'send'; node: number }
  | { type: 'receive'; node: number; message: number };

const node = fc.nat(NODES - 1);
const stepOf = (errorMsMax: number): fc.Arbitrary<Step> =>
  fc.oneof(
    fc.record({ type: fc.constant('pass' as const), ms: fc.nat(50) }),
    fc.record({
      type: fc.constant('err' as const),
      node,
      errorMs: fc.double({ min: -errorMsMax, max: errorMsMax, noNaN: true }),
    }),
    fc.record({ type: fc.constant('local' as const), node }),
    fc.record({ type: fc.constant('send' as const), node }),
    { weight: 2, arbitrary: fc.record({ type: fc.constant('receive' as const), node, message: fc.nat(1_000) }) },
  );

interface Happened {
  node: number;
  stampMs: number;
  /** Vector clock: the events that happened before, by node. */
  before: number[];
  wallMs: number;
}

/** Runs a history on nodes whose clocks differ, and step back whenever their error shrinks. Messages come late, twice, or in any order. */
function run(steps: readonly Step[], aheadMsMax: number): { events: Happened[]; refusals: number } {
  const clocks = Array.from({ length: NODES }, () => new Hlc({ aheadMsMax }));
  const errorsMs = Array.from({ length: NODES }, () => 0);
  const vectors = Array.from({ length: NODES }, () => Array.from({ length: NODES }, () => 0));
  const messages: { stampMs: number; before: number[] }[] = [];
  const events: Happened[] = [];
  let trueMs = START_MS;
  let refusals = 0;
  const wallMsOf = (at: number): number => trueMs + (errorsMs[at] as number);
  const happens = (at: number, stampMs: number): void => {
    const vector = vectors[at] as number[];
    vector[at] = (vector[at] as number) + 1;
    events.push({ node: at, stampMs, before: [...vector], wallMs: wallMsOf(at) });
  };
  for (const step of steps) {
    if (step.type === 'pass') {
      trueMs += step.ms;
      continue;
    }
    const at = step.node;
    const clock = clocks[at] as Hlc;
    if (step.type === 'err') {
      errorsMs[at] = step.errorMs;
    } else if (step.type === 'receive') {
      const message = messages[step.message % Math.max(1, messages.length)];
      if (message === undefined) continue;
      const lastMs = clock.lastMs;
      try {
        const stampMs = clock.receive(message.stampMs, wallMsOf(at));
        const vector = vectors[at] as number[];
        for (const [other, count] of message.before.entries()) vector[other] = Math.max(vector[other] as number, count);
        happens(at, stampMs);
      } catch (error) {
        expect(codeOf(error)).toBe('HLC_STAMP_FUTURE');
        expect(message.stampMs - wallMsOf(at)).toBeGreaterThan(aheadMsMax);
        expect(clock.lastMs).toBe(lastMs);
        refusals += 1;
      }
    } else {
      happens(at, clock.now(wallMsOf(at)));
      const { stampMs, before } = events.at(-1) as Happened;
      if (step.type === 'send') messages.push({ stampMs, before });
    }
  }
  expect(clocks.reduce((sum, clock) => sum + clock.refused, 0)).toBe(refusals);
  return { events, refusals };
}

const happenedBefore = (one: Happened, other: Happened): boolean =>
  one !== other && (one.before[one.node] as number) <= (other.before[one.node] as number);

const histories = (errorMsMax: number) => fc.array(stepOf(errorMsMax), { maxLength: 120 });

describe('a hybrid logical clock', () => {
  it('follows the rules of the paper (figure 5)', () => {
    const clock = new Hlc({ aheadMsMax: 100 });
    expect(clock.now(10.9)).toBe(10);
    expect(clock.now(10)).toBe(10 + TICK_MS);
    // l stays, c grows, although the wall clock goes back.
    expect(clock.now(7)).toBe(10 + 2 * TICK_MS);
    // l = l' = l.m: c = max(c, c.m) + 1
    expect(clock.receive(10 + 9 * TICK_MS, 7)).toBe(10 + 10 * TICK_MS);
    // l = l': c + 1
    expect(clock.receive(9, 7)).toBe(10 + 11 * TICK_MS);
    // l = l.m: c.m + 1
    expect(clock.receive(12 + 3 * TICK_MS, 7)).toBe(12 + 4 * TICK_MS);
    // l = pt: 0
    expect(clock.receive(12, 13)).toBe(13);
    expect(clock.driftMs(11)).toBe(2);
    expect(clock.driftMs(20)).toBe(0);
  });

  it('grows with each local event and each receipt, and what happened before has the lesser stamp', () => {
    const property = fc.property(histories(20_000), (steps) => {
      const { events } = run(steps, 10_000);
      const last = new Map<number, number>();
      for (const { node: at, stampMs } of events) {
        expect(stampMs).toBeGreaterThan(last.get(at) ?? 0);
        last.set(at, stampMs);
      }
      for (const one of events) {
        for (const other of events) {
          if (happenedBefore(one, other)) expect(compareHlc(one.stampMs, other.stampMs)).toBeLessThan(0);
        }
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('is never further from the wall time than clocks differ, and its counter is bounded', () => {
    const ERROR_MS_MAX = 500;
    const property = fc.property(histories(ERROR_MS_MAX), (steps) => {
      const { events, refusals } = run(steps, 2 * ERROR_MS_MAX);
      // Clocks within the bound of each other are never refused.
      expect(refusals).toBe(0);
      for (const { stampMs, wallMs } of events) {
        expect(Math.floor(stampMs)).toBeGreaterThanOrEqual(Math.floor(wallMs));
        expect(Math.floor(stampMs) - wallMs).toBeLessThanOrEqual(2 * ERROR_MS_MAX);
        // There were no more events than that.
        expect(counterOf(stampMs)).toBeLessThan(120);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('is never dragged further ahead than the bound, however wrong others are', () => {
    const property = fc.property(histories(10_000_000), (steps) => {
      const right = steps.filter((step) => step.type !== 'err' || step.node !== 0);
      for (const { node: at, stampMs, wallMs } of run(right, 1_000).events) {
        if (at === 0) expect(stampMs - wallMs).toBeLessThanOrEqual(1_000 + 1);
      }
    });
    fc.assert(property, { numRuns: 300 });
  });

  it('carries a full counter into the ms, and keeps the order', () => {
    const clock = new Hlc({ aheadMsMax: 0 });
    let lastMs = 0;
    for (let event = 0; event < 3 * HLC_COUNTS; event++) {
      const stampMs = clock.now(START_MS);
      expect(stampMs).toBeGreaterThan(lastMs);
      expect(counterOf(stampMs)).toBe(event % HLC_COUNTS);
      lastMs = stampMs;
    }
    expect(clock.driftMs(START_MS)).toBe(2);
    expect(clock.now(START_MS + 10)).toBe(START_MS + 10);
  });

  it('refuses what lies further ahead than the bound and its own uncertainty, and what is no number', () => {
    const clock = new Hlc({ aheadMsMax: 1_000 });
    clock.now(START_MS);
    expect(clock.receive(START_MS + 1_000, START_MS)).toBe(START_MS + 1_000 + TICK_MS);
    const lastMs = clock.lastMs;
    for (const stampMs of [START_MS + 1_000 + TICK_MS, Number.MAX_VALUE, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(() => clock.receive(stampMs, START_MS)).toThrow(expect.objectContaining({ code: 'HLC_STAMP_FUTURE' }));
    }
    expect([clock.lastMs, clock.refused]).toEqual([lastMs, 4]);
    expect(clock.receive(START_MS + 1_500, START_MS, 500)).toBe(START_MS + 1_500 + TICK_MS);
  });

  it('lies above a stamp that is finer than its own', () => {
    const clock = new Hlc({ aheadMsMax: 1_000 });
    const property = fc.property(fc.double({ min: START_MS, max: START_MS + 1_000, noNaN: true }), (stampMs) => {
      const ownMs = clock.receive(stampMs, START_MS);
      expect(ownMs).toBeGreaterThan(stampMs);
      expect(counterOf(ownMs) % 1).toBe(0);
    });
    fc.assert(property);
  });

  it('goes on above an earlier life, and begins anew at the wall time when it is put back', () => {
    const clock = new Hlc({ aheadMsMax: 1_000 });
    clock.restore(START_MS + 3_600_000);
    expect(clock.now(START_MS)).toBe(START_MS + 3_600_000 + TICK_MS);
    expect(clock.isTooFarAhead(clock.lastMs, START_MS)).toBe(true);
    clock.putBack(START_MS);
    expect(clock.now(START_MS)).toBe(START_MS + TICK_MS);
  });

  it('keeps its order under a wall clock from before 1970, and from beyond what can be counted', () => {
    for (const wallMs of [-5, Number.MAX_SAFE_INTEGER]) {
      const clock = new Hlc({ aheadMsMax: 1_000 });
      const first = clock.now(wallMs);
      expect(clock.now(wallMs)).toBeGreaterThan(first);
      expect(decodeHlc(encodeHlc(clock.lastMs))).toBe(clock.lastMs);
    }
  });
});

describe('a stamp in bytes', () => {
  const stamp = fc
    .tuple(fc.integer({ min: 0, max: 2 ** 43 - 1 }), fc.nat(HLC_COUNTS - 1))
    .map(([ms, count]) => ms + count * TICK_MS);

  it('comes back as it was, in 48 bits of ms and 16 of the counter', () => {
    fc.assert(
      fc.property(stamp, (stampMs) => {
        const bytes = encodeHlc(stampMs);
        expect(bytes).toHaveLength(HLC_BYTES);
        expect(bytes.readUIntBE(0, 6)).toBe(Math.floor(stampMs));
        expect(bytes.readUInt16BE(6)).toBe(counterOf(stampMs));
        expect(decodeHlc(bytes)).toBe(stampMs);
      }),
    );
  });

  it('compares as the stamp does', () => {
    fc.assert(
      fc.property(stamp, stamp, (one, other) => {
        expect(Buffer.compare(encodeHlc(one), encodeHlc(other))).toBe(Math.sign(compareHlc(one, other)));
      }),
    );
  });

  it('is one whatever the bytes are, and comes back from JSON as it was', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: HLC_BYTES, maxLength: HLC_BYTES }), (bytes) => {
        const stampMs = decodeHlc(Buffer.from(bytes));
        expect(Number.isFinite(stampMs) && stampMs >= 0).toBe(true);
        expect(JSON.parse(JSON.stringify(stampMs))).toBe(stampMs);
      }),
    );
  });
});
