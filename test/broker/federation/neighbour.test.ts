import { describe, expect, it } from 'vitest';
import { linkCounters, linkLimits } from '../../../broker/federation/limits.ts';
import { LinkFilters } from '../../../broker/federation/link-filters.ts';
import { Neighbour } from '../../../broker/federation/neighbour.ts';
import {
  type DataFrame,
  encodeControl,
  FRAME_BYTES_MAX,
  type Frame,
  FrameReader,
} from '../../../broker/federation/wire/index.ts';
import type { LatticeError } from '../../../core/errors/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';

/** Two ends joined by a line in memory on a clock that stands still: what production runs, without sockets or timers. */
function joined({ delayMs = 10, creditBytes = 10_000, queueBytesMax = 5_000 } = {}) {
  const clock = new VirtualClock();
  const line = { isUp: true };
  const ends = [0, 1].map((side) => {
    const reader = new FrameReader();
    reader.frameBytesMax = FRAME_BYTES_MAX;
    const end = { failures: [] as LatticeError[], taken: [] as DataFrame[], rooms: 0, settle: () => {}, observedMs: 0 };
    const neighbour: Neighbour = new Neighbour({
      peer: `${side}`,
      limits: linkLimits({ creditBytes, queueBytesMax, batchBytes: 2_000 }),
      counters: linkCounters(),
      filters: new LinkFilters({}),
      clock,
      compression: { compresses: false, accepts: [] },
      events: {
        onData: (_from, frame) => {
          end.taken.push(frame);
          return new Promise((resolve) => {
            const settleOthers = end.settle;
            end.settle = () => {
              settleOthers();
              resolve();
            };
          });
        },
        onAck: () => {},
        onDatagram: () => {},
        onControl: () => {},
        onRetained: () => Promise.resolve(),
        onRoom: () => {
          end.rooms += 1;
        },
        stampMs: () => 1_000 * (side + 1),
        observeStampMs: (stampMs) => {
          end.observedMs = stampMs;
        },
      },
      writableBytes: () => 0,
      send: (bytes) => {
        if (!line.isUp) return;
        const frames: Frame[] = [...reader.feed(Buffer.from(bytes))];
        clock.setTimer(delayMs, () => {
          for (const frame of frames) ends[1 - side]?.neighbour.onFrame(frame);
        });
      },
      fail: (error) => end.failures.push(error),
    });
    return { end, neighbour };
  });
  for (const { neighbour } of ends) neighbour.start();
  const pass = (durationMs: number): void => {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 100) {
      clock.advance(100);
      for (const { neighbour } of ends) neighbour.onTick();
    }
  };
  const [a, b] = ends as [(typeof ends)[number], (typeof ends)[number]];
  return { a, b, line, pass, clock };
}

function frame(bytes: number): DataFrame {
  return {
    origin: 'a',
    incarnation: 'i',
    hopsLeft: 1,
    isVolatile: false,
    start: 0,
    until: 1,
    destinations: [{ node: 'b', from: 0 }],
    messages: [{ topic: 't', payload: Buffer.alloc(bytes), qos: 1, retain: false, to: 1 }],
  };
}

describe('the end of a link on a virtual clock', () => {
  it('measures the round trip, tells its clock, and lives as long as it hears the other', () => {
    const { a, b, pass } = joined({ delayMs: 30 });
    pass(60_000);
    expect([a.end.failures, b.end.failures]).toEqual([[], []]);
    expect([a.neighbour.roundTripMs, b.neighbour.roundTripMs]).toEqual([60, 60]);
    expect([a.end.observedMs, b.end.observedMs]).toEqual([2_000, 1_000]);
  });

  it('gives up after silence, within three keep-alive periods of 2 s, once', () => {
    const { a, b, line, pass } = joined();
    pass(10_000);
    line.isUp = false;
    pass(4_500);
    expect([a.end.failures, b.end.failures]).toEqual([[], []]);
    pass(1_500);
    for (const { end } of [a, b]) expect(end.failures).toEqual([expect.objectContaining({ code: 'LINK_DOWN' })]);
    pass(60_000);
    expect([...a.end.failures, ...b.end.failures]).toHaveLength(2);
  });

  it('is not given up for silence when its own process stood still, before what came meanwhile is read', () => {
    const { a, line, pass, clock } = joined();
    pass(10_000);
    line.isUp = false;
    clock.advance(20_000);
    a.neighbour.onTick();
    expect(a.end.failures).toEqual([]);
    a.neighbour.onFrame({ kind: 'control', body: encodeControl({ type: 'pong', id: 0, hlcMs: 0 }).subarray(5) });
    clock.advance(500);
    a.neighbour.onTick();
    expect(a.end.failures).toEqual([]);
    // With nothing to be read either, the next tick is the last, late or not.
    for (let tick = 0; tick < 2; tick++) {
      clock.advance(20_000);
      a.neighbour.onTick();
    }
    expect(a.end.failures).toEqual([expect.objectContaining({ code: 'LINK_DOWN' })]);
  });

  it('sends no more data than was granted, keeps what waits within its bound, and goes on when it is granted more', async () => {
    const { a, b, pass } = joined();
    pass(100);
    const fates = Array.from({ length: 25 }, () => a.neighbour.data(frame(1_000)));
    // 10 go out on 10,000 bytes of credit, 4 wait within 5,000 bytes, the rest is refused.
    expect(fates.filter(Boolean)).toHaveLength(14);
    expect(a.neighbour.queuedBytes).toBeLessThanOrEqual(5_000);
    expect(a.neighbour.hasRoom).toBe(false);
    pass(1_000);
    expect(b.end.taken).toHaveLength(10);
    expect(a.end.rooms).toBe(0);
    b.end.settle();
    await Promise.resolve();
    await Promise.resolve();
    pass(100);
    expect(b.end.taken).toHaveLength(14);
    expect(a.end.rooms).toBe(1);
    expect(a.neighbour.hasRoom).toBe(true);
    expect([...a.end.failures, ...b.end.failures]).toEqual([]);
  });

  it('sends control frames at once while data waits, and nothing after its end', () => {
    const { a, b, pass } = joined({ creditBytes: 0 });
    a.neighbour.data(frame(1_000));
    pass(10_000);
    expect(b.end.taken).toEqual([]);
    expect(a.end.failures).toEqual([]);
    a.neighbour.stop();
    expect(a.neighbour.data(frame(1))).toBe(false);
    expect(a.neighbour.queuedBytes).toBe(0);
    pass(6_000);
    expect(b.end.failures).toEqual([expect.objectContaining({ code: 'LINK_DOWN' })]);
  });

  it('passes on why the other end refused', () => {
    const { a } = joined();
    const refusal = encodeControl({ type: 'refuse', code: 'LINK_PROTOCOL', reason: 'nonsense' });
    a.neighbour.onFrame({ kind: 'control', body: refusal.subarray(5) });
    expect(a.end.failures).toEqual([
      expect.objectContaining({ code: 'LINK_PROTOCOL', message: 'The other broker ended the link: nonsense' }),
    ]);
  });
});
