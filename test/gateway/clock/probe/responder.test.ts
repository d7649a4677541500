import { describe, expect, it } from 'vitest';
import { PROBE_LIMITS } from '../../../../gateway/clock/probe/limits.ts';
import { Responder } from '../../../../gateway/clock/probe/responder.ts';
import { probeOf } from './packets.ts';

function responderFor(peers: string[], limits: Partial<typeof PROBE_LIMITS> = {}): Responder {
  const responder = new Responder({ ...PROBE_LIMITS, ...limits });
  responder.setPeers(new Set(peers));
  return responder;
}

const from = (name: string, boot: string, sequence: number) =>
  probeOf({ sender: { site: 'home', name }, boot, sequence });

describe('the responder', () => {
  it('answers each probe of a peer once, also when they come in another order', () => {
    const responder = responderFor(['a']);
    const verdicts = [5, 7, 6, 7, 5, 8].map((sequence) => responder.refusalOf(from('a', 'one', sequence), 0));
    expect(verdicts).toEqual([undefined, undefined, undefined, 'replayed', 'replayed', undefined]);
  });

  it('begins anew with each life of a peer, and keeps peers apart', () => {
    const responder = responderFor(['a', 'b']);
    expect(responder.refusalOf(from('a', 'one', 5), 0)).toBe(undefined);
    expect(responder.refusalOf(from('a', 'two', 5), 0)).toBe(undefined);
    expect(responder.refusalOf(from('b', 'one', 5), 0)).toBe(undefined);
    expect(responder.refusalOf(from('a', 'one', 5), 0)).toBe('replayed');
  });

  it('does not know strangers, nor who is a peer no more', () => {
    const responder = responderFor(['a']);
    expect(responder.refusalOf(from('c', 'one', 1), 0)).toBe('unknownPeer');
    responder.setPeers(new Set(['b']));
    expect(responder.refusalOf(from('a', 'one', 1), 0)).toBe('unknownPeer');
  });

  it('remembers a bounded number of lives, and those that were heard last', () => {
    const responder = responderFor(['a'], { replayWindowsMax: 2 });
    const verdicts = ['one', 'two', 'one', 'three', 'one', 'two'].map((boot, sequence) =>
      responder.refusalOf(from('a', boot, boot === 'one' ? 9 : sequence), 0),
    );
    expect(verdicts).toEqual([undefined, undefined, 'replayed', undefined, 'replayed', undefined]);
  });

  it('answers each peer so often a second, and no more for a burst of replays', () => {
    const responder = responderFor(['a', 'b'], { probesPerSMax: 10 });
    const ask = (name: string, first: number, count: number, nowMs: number) =>
      Array.from({ length: count }, (_, nth) => responder.refusalOf(from(name, 'one', first + nth), nowMs));
    expect(ask('a', 0, 12, 0)).toEqual([...Array(10).fill(undefined), 'tooMany', 'tooMany']);
    expect(ask('b', 0, 1, 0)).toEqual([undefined]);
    expect(ask('a', 0, 5, 100)).toEqual(Array(5).fill('replayed'));
    expect(ask('a', 20, 2, 100)).toEqual([undefined, 'tooMany']);
    expect(ask('a', 30, 11, 60_000)).toEqual([...Array(10).fill(undefined), 'tooMany']);
  });
});
