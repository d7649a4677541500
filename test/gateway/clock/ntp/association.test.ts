import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ASSOCIATION_DEFAULTS,
  Association,
  type AssociationOptions,
  type Reception,
} from '../../../../gateway/clock/ntp/association.ts';
import { decodePacket, encodePacket, type NtpPacket } from '../../../../gateway/clock/ntp/packet.ts';
import { refidOfText } from '../../../../gateway/clock/ntp/refid.ts';
import { stampOfMs } from '../../../../gateway/clock/ntp/stamp.ts';

/** UTC minus monotonic, in truth. */
const TRUE_OFFSET_MS = 1_790_000_000_000;

/** A server that is there in arithmetic only: what it says follows from when the request reaches it. */
function exchange(options: Partial<AssociationOptions> = {}) {
  let nonce = 0n;
  const association = new Association({ ...ASSOCIATION_DEFAULTS, nonce: () => ++nonce, ...options });
  const ask = (nowMs: number): NtpPacket => packetOf(association.request(nowMs));
  const answer = (request: NtpPacket, atMs: number, change: Partial<NtpPacket> = {}): Buffer =>
    encodePacket({
      leap: 0,
      version: request.version,
      mode: 4,
      stratum: 2,
      pollLog2S: 4,
      precisionLog2S: -20,
      rootDelayMs: 2,
      rootDispersionMs: 3,
      refid: 0x7f_00_00_01,
      reference: stampOfMs(atMs + TRUE_OFFSET_MS),
      origin: request.transmit,
      receive: stampOfMs(atMs + TRUE_OFFSET_MS),
      transmit: stampOfMs(atMs + TRUE_OFFSET_MS),
      ...change,
    });
  /** Question and answer, with 5 ms each way. */
  const poll = (nowMs: number, change: Partial<NtpPacket> = {}): Reception =>
    association.receive(answer(ask(nowMs), nowMs + 5, change), nowMs + 10);
  return { association, ask, answer, poll };
}

function packetOf(bytes: Buffer): NtpPacket {
  const decoded = decodePacket(bytes);
  if (decoded.fault !== undefined) throw new Error(decoded.fault);
  return decoded.packet;
}

describe('a request', () => {
  it('tells nothing but a number that nobody can guess', () => {
    const { ask } = exchange({ nonce: () => 0xdead_beef_0bad_cafen });
    expect(ask(123_456)).toEqual({
      leap: 0,
      version: 4,
      mode: 3,
      stratum: 0,
      pollLog2S: 0,
      precisionLog2S: 0,
      rootDelayMs: 0,
      rootDispersionMs: 0,
      refid: 0,
      reference: 0n,
      origin: 0n,
      receive: 0n,
      transmit: 0xdead_beef_0bad_cafen,
    });
  });

  it('may be of version 3', () => {
    const { ask, poll } = exchange({ version: 3 });
    expect(ask(0).version).toBe(3);
    expect(poll(0)).toHaveProperty('sample');
  });
});

describe('an answer', () => {
  it('gives offset, delay and root distance', () => {
    const { association, poll } = exchange();
    poll(1_000, { rootDelayMs: 62.5, rootDispersionMs: 31.25 });
    const estimate = association.estimate(1_010);
    expect(estimate).toMatchObject({ atMonotonicMs: 1_010, stratum: 2, refid: '127.0.0.1' });
    expect(estimate?.offsetMs).toBeCloseTo(TRUE_OFFSET_MS, 3);
    expect(estimate?.delayMs).toBeCloseTo(10, 3);
    // Half the delay, half the root delay, root dispersion, precision of both, drift in 10 ms.
    expect(estimate?.uncertaintyMs).toBeCloseTo(5 + 31.25 + 31.25 + 0.001 + 0.00095 + 0.00015, 3);
  });

  it('is wrong by half the asymmetry, within what is stated', () => {
    const { association, ask, answer } = exchange();
    const request = ask(0);
    association.receive(answer(request, 9), 10);
    const estimate = association.estimate(10);
    expect((estimate?.offsetMs ?? 0) - TRUE_OFFSET_MS).toBeCloseTo(4, 3);
    expect(estimate?.uncertaintyMs).toBeGreaterThan(5);
  });

  it('may come late, to a question before the last one', () => {
    const { association, ask, answer } = exchange();
    const first = ask(0);
    ask(100);
    expect(association.receive(answer(first, 60), 120)).toHaveProperty('sample');
    expect(association.estimate(120)?.delayMs).toBeCloseTo(120, 3);
  });

  it.each<[string, Partial<NtpPacket>]>([
    ['wrongMode', { mode: 3 }],
    ['wrongMode', { mode: 5 }],
    ['wrongVersion', { version: 3 }],
    ['bogusOrigin', { origin: 0x1234n }],
    ['bogusOrigin', { origin: 0n }],
    ['kissOther', { stratum: 0, refid: refidOfText('INIT') }],
    ['unsynchronised', { leap: 3 }],
    ['stratumUnsynchronised', { stratum: 16 }],
    ['stratumUnsynchronised', { stratum: 255 }],
    ['zeroTransmit', { transmit: 0n }],
    ['impossibleTimes', { receive: 0n }],
    ['impossibleTimes', { transmit: stampOfMs(TRUE_OFFSET_MS + 4) }],
    // It says that it had the question for 15 ms, of 10.
    ['impossibleTimes', { transmit: stampOfMs(TRUE_OFFSET_MS + 20) }],
    ['rootDistanceTooLarge', { rootDelayMs: 3_000 }],
    ['rootDistanceTooLarge', { rootDispersionMs: 1_000 }],
    ['rootDistanceTooLarge', { precisionLog2S: 127 }],
  ])('is refused as %s when it has %o', (reason, change) => {
    const { association, poll } = exchange();
    expect(poll(0, change)).toEqual({ rejected: reason });
    expect(association.rejected).toEqual({ [reason]: 1 });
    expect(association.estimate(10)).toBeUndefined();
    expect(association.reach).toBe(0);
  });

  it('is refused as a replay the second time', () => {
    const { association, ask, answer } = exchange();
    const bytes = answer(ask(0), 5);
    expect(association.receive(bytes, 10)).toHaveProperty('sample');
    expect(association.receive(bytes, 11)).toEqual({ rejected: 'replay' });
    ask(16_000);
    expect(association.receive(bytes, 16_001)).toEqual({ rejected: 'replay' });
  });

  it('is used up by the first reply that carries its number, even one that is refused', () => {
    const { association, ask, answer } = exchange();
    const request = ask(0);
    association.receive(answer(request, 5, { stratum: 16 }), 10);
    expect(association.receive(answer(request, 5), 10)).toEqual({ rejected: 'replay' });
  });

  it('is refused as unsolicited when nothing was asked', () => {
    const { association, ask, answer } = exchange();
    const request = ask(0);
    const other = exchange().association;
    expect(other.receive(answer(request, 5), 10)).toEqual({ rejected: 'unsolicited' });
    association.receive(answer(request, 5), 10);
    expect(association.receive(answer(request, 5, { origin: 77n }), 11)).toEqual({ rejected: 'unsolicited' });
  });

  it('of any bytes is a sample or a rejection with a counter', () => {
    const { association, ask } = exchange();
    let total = 0;
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 60 }), (bytes) => {
        ask(total);
        total += 1;
        expect(association.receive(bytes, total + 1).rejected).toBeTypeOf('string');
        expect(Object.values(association.rejected).reduce((a, b) => a + b, 0)).toBe(total);
      }),
      { numRuns: 5_000 },
    );
  });

  it('with the right number and anything else in it is a sample that is not too far from UTC, or a rejection', () => {
    const byte = fc.integer({ min: 0, max: 255 });
    const near = fc.integer({ min: -4, max: 9 }).map((ms) => stampOfMs(TRUE_OFFSET_MS + ms));
    const stamp = fc.oneof({ weight: 9, arbitrary: near }, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    const short = fc.oneof(
      { weight: 3, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
      fc.integer({ min: 0, max: 65_000_000 }),
    );
    const fields = fc.record({
      leap: fc.integer({ min: 0, max: 3 }),
      stratum: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 17 }) }, byte),
      precisionLog2S: fc.integer({ min: -128, max: 10 }),
      rootDelayMs: short,
      rootDispersionMs: short,
      refid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      reference: stamp,
      receive: stamp,
      transmit: stamp,
    });
    let samples = 0;
    fc.assert(
      fc.property(fields, (change) => {
        const { association, poll } = exchange();
        const reception = poll(0, change);
        const estimate = association.estimate(10);
        expect(estimate === undefined).toBe(reception.rejected !== undefined);
        if (estimate === undefined) return;
        samples += 1;
        expect(estimate.uncertaintyMs).toBeLessThanOrEqual(ASSOCIATION_DEFAULTS.rootDistanceMsMax);
        expect(estimate.offsetMs).toBeGreaterThan(0);
      }),
      { numRuns: 5_000 },
    );
    expect(samples).toBeGreaterThan(50);
  });
});

describe('what is stated', () => {
  it('holds the truth with any delays, drift and age, if the server tells the truth', () => {
    const ms = (max: number) => fc.double({ min: 0, max, noNaN: true });
    const rounds = fc.array(fc.record({ out: ms(80), held: ms(20), back: ms(80), wait: ms(20_000) }), {
      minLength: 1,
      maxLength: 20,
    });
    const server = fc.record({
      rootDelayMs: ms(50),
      rootDispersionMs: ms(50),
      lie: fc.double({ min: -1, max: 1, noNaN: true }),
    });
    const ppm = fc.double({ min: -15, max: 15, noNaN: true });
    fc.assert(
      fc.property(rounds, server, ppm, (all, { rootDelayMs, rootDispersionMs, lie }, driftPpm) => {
        const { association, ask, answer } = exchange();
        // True time runs from 0; the monotonic clock is off it by drift.
        const monotonic = (trueMs: number): number => trueMs * (1 + driftPpm / 1e6);
        const wrongMs = lie * (rootDelayMs / 2 + rootDispersionMs);
        let trueMs = 0;
        for (const { out, held, back, wait } of all) {
          const request = ask(monotonic(trueMs));
          const receive = stampOfMs(trueMs + out + TRUE_OFFSET_MS + wrongMs);
          const transmit = stampOfMs(trueMs + out + held + TRUE_OFFSET_MS + wrongMs);
          trueMs += out + held + back;
          const reply = answer(request, 0, { receive, transmit, rootDelayMs, rootDispersionMs });
          expect(association.receive(reply, monotonic(trueMs))).toHaveProperty('sample');
          trueMs += wait;
          const estimate = association.estimate(monotonic(trueMs));
          const utcMs = monotonic(trueMs) + (estimate?.offsetMs ?? Number.NaN);
          // 0.25 µs is what a double of a present date cannot tell.
          const errorMs = Math.abs(utcMs - (trueMs + TRUE_OFFSET_MS)) - 0.000_5;
          expect(errorMs).toBeLessThanOrEqual(estimate?.uncertaintyMs ?? Number.NaN);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('polling', () => {
  it('begins with a burst', () => {
    const { association, poll } = exchange({ burstPackets: 4, burstSpacingMs: 2_000, pollMs: 16_000 });
    const waits = [0, 1, 2, 3, 4].map((k) => {
      poll(k * 2_000);
      return association.waitMs;
    });
    expect(waits).toEqual([2_000, 2_000, 2_000, 16_000, 16_000]);
  });

  it('keeps the reach register, and gives up the samples of a server that was silent for eight polls', () => {
    const { association, ask, poll } = exchange();
    poll(0);
    poll(1);
    ask(2);
    expect(association.reach).toBe(0b110);
    poll(3);
    expect(association.reach).toBe(0b1101);
    for (let k = 0; k < 7; k++) ask(100 + k);
    expect(association.estimate(200)).toBeDefined();
    ask(300);
    expect(association.reach).toBe(0);
    expect(association.estimate(300)).toBeUndefined();
  });

  it('counts a poll that could not be sent as one without an answer', () => {
    const { association, poll } = exchange();
    poll(0);
    for (let k = 0; k < 8; k++) association.missed();
    expect(association.estimate(1)).toBeUndefined();
  });

  it('forgets why an answer was refused once the server gives none', () => {
    const { association, ask, poll } = exchange();
    poll(0, { leap: 3 });
    expect(association.lastRefusal).toBe('unsynchronised');
    ask(100);
    expect(association.lastRefusal).toBe('unsynchronised');
    ask(200);
    expect(association.lastRefusal).toBeUndefined();
  });
});

describe("a kiss-o'-death", () => {
  it('of RATE ends the burst and doubles the poll interval each time, up to 1,024 s', () => {
    const { association, poll } = exchange({ pollMs: 16_000 });
    expect(poll(0, { stratum: 0, leap: 3, refid: refidOfText('RATE') })).toEqual({ rejected: 'kissRate' });
    expect(association.waitMs).toBe(32_000);
    expect(association.kissCode).toBe('RATE');
    for (let k = 1; k < 9; k++) poll(k, { stratum: 0, refid: refidOfText('RATE') });
    expect(association.waitMs).toBe(1_024_000);
    expect(association.isEnded).toBe(false);
    poll(100);
    expect(association.kissCode).toBeUndefined();
    expect(association.waitMs).toBe(1_024_000);
  });

  it.each(['DENY', 'RSTR'])('of %s ends the association', (code) => {
    const { association, poll } = exchange();
    poll(0);
    expect(association.estimate(10)).toBeDefined();
    expect(poll(20, { stratum: 0, refid: refidOfText(code) })).toEqual({ rejected: 'kissDeny' });
    expect(association.isEnded).toBe(true);
    expect(association.kissCode).toBe(code);
    expect(association.estimate(30)).toBeUndefined();
  });

  it('that answers no question of ours changes nothing', () => {
    const { association, poll } = exchange();
    poll(0, { stratum: 0, refid: refidOfText('DENY'), origin: 99n });
    expect(association.isEnded).toBe(false);
    expect(association.kissCode).toBeUndefined();
  });
});
