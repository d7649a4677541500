import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePacket, encodePacket, type NtpPacket } from '../../../../gateway/clock/ntp/packet.ts';
import { refidOfText, refidText } from '../../../../gateway/clock/ntp/refid.ts';
import { type MeshReading, Responder } from '../../../../gateway/clock/ntp/responder.ts';
import { stampOfMs } from '../../../../gateway/clock/ntp/stamp.ts';

const MESH_MS = 1_790_000_000_000;
const RELATIVE = (ms: number): MeshReading => ({ kind: 'relative', ms: MESH_MS + ms, uncertaintyMs: 2 });

function respond(meshAt: (ms: number) => MeshReading = RELATIVE, nowMs = 101) {
  const rate = { burst: 2, intervalMs: 1_000, addressesMax: 16 };
  return new Responder({ meshAt, monotonicMs: () => nowMs, rate });
}

function request(change: Partial<NtpPacket> = {}): Buffer {
  return encodePacket({
    leap: 0,
    version: 4,
    mode: 3,
    stratum: 0,
    pollLog2S: 6,
    precisionLog2S: 0,
    rootDelayMs: 0,
    rootDispersionMs: 0,
    refid: 0,
    reference: 0n,
    origin: 0n,
    receive: 0n,
    transmit: 0x1234_5678_9abc_def0n,
    ...change,
  });
}

function read(reply: Buffer | undefined): NtpPacket {
  const decoded = decodePacket(reply ?? Buffer.alloc(0));
  if (decoded.fault !== undefined) throw new Error(decoded.fault);
  return decoded.packet;
}

describe('a reply', () => {
  it('tells mesh time at receipt and at sending, as a clock on its own when it is relative', () => {
    expect(read(respond().reply(request(), 'a', 100))).toMatchObject({
      leap: 0,
      version: 4,
      mode: 4,
      stratum: 10,
      pollLog2S: 6,
      refid: refidOfText('LATT'),
      origin: 0x1234_5678_9abc_def0n,
      receive: stampOfMs(MESH_MS + 100),
      transmit: stampOfMs(MESH_MS + 101),
    });
  });

  it.each([
    [1, 2],
    [3, 4],
    [14, 15],
    [15, 15],
  ])('has, with a reference of stratum %i, stratum %i', (referenceStratum, stratum) => {
    const absolute = (ms: number): MeshReading => ({
      kind: 'absolute',
      ms: MESH_MS + ms,
      uncertaintyMs: 1,
      referenceStratum,
    });
    expect(read(respond(absolute).reply(request(), 'a', 100)).stratum).toBe(stratum);
  });

  it('states as root dispersion no less than the uncertainty', () => {
    const { rootDispersionMs } = read(respond().reply(request(), 'a', 100));
    expect(rootDispersionMs).toBeGreaterThanOrEqual(2);
    expect(rootDispersionMs).toBeLessThan(2.1);
  });

  it('is of the version that was asked', () => {
    for (const version of [1, 2, 3, 4]) {
      expect(read(respond().reply(request({ version }), 'a', 100)).version).toBe(version);
    }
  });

  it('says that it is not synchronised while there is no mesh time', () => {
    const responder = respond(() => ({ kind: 'none' }));
    expect(read(responder.reply(request(), 'a', 100))).toMatchObject({
      leap: 3,
      stratum: 16,
      origin: 0x1234_5678_9abc_def0n,
    });
    expect(responder.counters).toMatchObject({ answered: 1, answeredUnsynchronised: 1 });
  });

  it('to one that asks too often is a kiss of RATE, once, and then nothing', () => {
    const responder = respond();
    const replies = [0, 1, 2, 3].map((nowMs) => responder.reply(request(), 'a', nowMs));
    const kiss = read(replies[2]);
    expect(kiss).toMatchObject({ leap: 3, stratum: 0, origin: 0x1234_5678_9abc_def0n });
    expect(refidText(kiss.refid, kiss.stratum)).toBe('RATE');
    expect(replies[3]).toBeUndefined();
    expect(responder.counters).toMatchObject({ requests: 4, answered: 2, kissedRate: 1, droppedRate: 1 });
    expect(read(responder.reply(request(), 'b', 3)).stratum).toBe(10);
  });
});

describe('what is no request', () => {
  it.each([0, 1, 2, 4, 5, 6, 7])('as one of mode %i, is ignored and counted', (mode) => {
    const responder = respond();
    expect(responder.reply(request({ mode }), 'a', 100)).toBeUndefined();
    expect(responder.counters).toMatchObject({ requests: 1, wrongMode: 1, answered: 0 });
  });

  it.each([
    ['tooShort', request().subarray(0, 47)],
    ['raggedLength', Buffer.concat([request(), Buffer.alloc(3)])],
    ['versionUnsupported', Buffer.alloc(48, 0x3b)],
  ] as const)('as it is %s, is ignored and counted', (fault, bytes) => {
    const responder = respond();
    expect(responder.reply(bytes, 'a', 100)).toBeUndefined();
    expect(responder.counters[fault]).toBe(1);
  });

  it('or is one, gives at most one reply that is no longer than it, and is counted once', () => {
    const responder = respond();
    let total = 0;
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 100 }),
      fc.uint8Array({ minLength: 47, maxLength: 47 }).map((rest) => Uint8Array.of(0x23, ...rest)),
    );
    fc.assert(
      fc.property(anything, fc.integer({ min: 0, max: 5 }), (bytes, host) => {
        total += 1;
        const reply = responder.reply(bytes, `host ${host}`, total * 20);
        expect(reply?.length ?? 0).toBeLessThanOrEqual(bytes.length);
        const { requests, addressesForgotten: _, answeredUnsynchronised: __, ...ends } = responder.counters;
        expect(requests).toBe(total);
        expect(Object.values(ends).reduce((a, b) => a + b, 0)).toBe(total);
      }),
      { numRuns: 5_000 },
    );
    const { answered, kissedRate, droppedRate } = responder.counters;
    expect(Math.min(answered, kissedRate, droppedRate)).toBeGreaterThan(0);
  });
});
