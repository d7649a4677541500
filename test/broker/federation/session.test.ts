import { afterEach, describe, expect, it } from 'vitest';
import { type Frame, FrameReader } from '../../../broker/federation/frames.ts';
import { linkLimits } from '../../../broker/federation/limits.ts';
import { LinkSession } from '../../../broker/federation/session.ts';
import type { LatticeError } from '../../../core/errors/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { Bench, type FakeBroker } from './fake-broker.ts';

let bench = new Bench();
afterEach(async () => {
  await bench.close();
  bench = new Bench();
});

/** Two sessions joined by a line in memory on a clock that stands still: what production runs, without sockets or timers. */
async function joined(delayMs: number) {
  const clock = new VirtualClock();
  const brokers: [FakeBroker, FakeBroker] = [await bench.broker('a'), await bench.broker('b')];
  const failures: LatticeError[][] = [[], []];
  const line = { isUp: true };
  const sessions: LinkSession[] = [];
  for (const side of [0, 1] as const) {
    const reader = new FrameReader();
    reader.frameBytesMax = 2 ** 20;
    const peer = brokers[1 - side] as FakeBroker;
    const session = new LinkSession({
      port: brokers[side],
      peer: peer.brokerId,
      incarnation: peer.incarnation,
      cursor: await brokers[side].journal.cursor(`link-${peer.brokerId}`),
      progress: { position: 0 },
      limits: linkLimits(),
      counters: { sent: 0, received: 0, duplicates: 0, dropped: 0 },
      clock,
      send: (bytes) => {
        if (!line.isUp) return;
        const frames: Frame[] = [...reader.feed(bytes)];
        clock.setTimer(delayMs, () => {
          for (const frame of frames) sessions[1 - side]?.onFrame(frame);
        });
      },
      fail: (error) => failures[side]?.push(error),
    });
    sessions.push(session);
    bench.onClose(() => session.stop());
  }
  for (const session of sessions) session.start();
  const pass = (durationMs: number): void => {
    for (let passedMs = 0; passedMs < durationMs; passedMs += 100) {
      clock.advance(100);
      for (const session of sessions) session.onTick();
    }
  };
  return { clock, brokers, sessions, failures, line, pass };
}

describe('a link session on a virtual clock', () => {
  it('measures the round trip and lives as long as it hears the other', async () => {
    const { sessions, failures, pass } = await joined(30);
    pass(60_000);
    expect(failures).toEqual([[], []]);
    for (const session of sessions) expect(session.roundTripMs).toBe(60);
  });

  it('gives up after silence, within three keep-alive periods of 2 s, once', async () => {
    const { failures, line, pass } = await joined(10);
    pass(10_000);
    line.isUp = false;
    pass(4_500);
    expect(failures).toEqual([[], []]);
    pass(1_500);
    expect(failures).toEqual([
      [expect.objectContaining({ code: 'LINK_DOWN' })],
      [expect.objectContaining({ code: 'LINK_DOWN' })],
    ]);
    pass(60_000);
    expect(failures.flat()).toHaveLength(2);
  });

  it('carries messages while time is told to pass', async () => {
    const { brokers, sessions, pass } = await joined(10);
    const [a, b] = brokers;
    b.subscribe('t');
    sessions[1]?.tellInterest();
    pass(100);
    await a.publish('t', 'one');
    await eventually(() => {
      pass(100);
      expect(b.payloads()).toEqual(['one']);
    });
  });
});
