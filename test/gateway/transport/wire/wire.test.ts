import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../../../../core/errors/index.ts';
import { HLC_COUNTS } from '../../../../core/time/index.ts';
import {
  DialerHandshake,
  decodeFrame,
  encodeHead,
  type Frame,
  type HandshakeFrame,
  type HandshakeStep,
  ListenerHandshake,
  Opener,
  Sealer,
  transportKey,
} from '../../../../gateway/transport/wire/index.ts';

const A = { site: 'home', name: 'a' };
const B = { site: 'home', name: 'b' };
const KEY = transportKey('the key of both');

function shake(changes: {
  tamper?: (frame: HandshakeFrame) => HandshakeFrame;
  listenerKey?: Buffer;
  wanted?: typeof B;
}) {
  const { tamper = (frame) => frame, listenerKey = KEY, wanted = B } = changes;
  const dialer = new DialerHandshake({ own: A, peer: wanted, key: KEY, nonce: 'a'.repeat(24) });
  const listener = new ListenerHandshake({
    own: B,
    nonce: 'b'.repeat(24),
    keyOf: ({ name }) => (name === 'a' ? listenerKey : undefined),
  });
  const ends: { dialer?: HandshakeStep; listener?: HandshakeStep } = {};
  const crossed: HandshakeFrame[] = [dialer.begin()];
  const queue: { to: 'dialer' | 'listener'; frame: HandshakeFrame }[] = [
    { to: 'listener', frame: crossed[0] as HandshakeFrame },
  ];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const { to, frame } = next;
    const step = (to === 'listener' ? listener : dialer).on(tamper(frame));
    ends[to] = step;
    for (const each of step.send) queue.push({ to: to === 'listener' ? 'dialer' : 'listener', frame: each });
    crossed.push(...step.send);
  }
  return { ...ends, crossed };
}

describe('the handshake', () => {
  it('makes both ends known to each other, with the same keys crosswise, and no key crosses', () => {
    const { dialer, listener, crossed } = shake({});
    expect(dialer?.established?.peer).toEqual(B);
    expect(listener?.established?.peer).toEqual(A);
    const keys = dialer?.established?.keys;
    expect(listener?.established?.keys).toEqual({ send: keys?.receive, receive: keys?.send });
    expect(keys?.send.equals(keys.receive)).toBe(false);
    for (const secret of [KEY, keys?.send as Buffer]) {
      for (const form of ['base64', 'hex'] as const)
        expect(JSON.stringify(crossed)).not.toContain(secret.toString(form));
    }
  });

  it('fails with another key, and both ends are told', () => {
    const { dialer, listener } = shake({ listenerKey: transportKey('another key') });
    expect(dialer?.refused).toMatchObject({ code: 'PEER_REFUSED', message: expect.stringContaining('key') });
    expect(listener?.refused).toMatchObject({ code: 'PEER_REFUSED', message: expect.stringContaining('key') });
  });

  it.each<[string, string, Partial<Record<string, unknown>>, string]>([
    ['another version', 'hello', { version: 9 }, 'speaks version 2'],
    ['a stranger', 'hello', { name: 'eve' }, 'not a peer here'],
    ['another site', 'hello', { to: { site: 'other', name: 'b' } }, 'Here is b of site home'],
    ['a changed nonce of the dialer', 'hello', { nonce: 'x'.repeat(24) }, 'key of another site'],
    ['a changed nonce of the listener', 'challenge', { nonce: 'x'.repeat(24) }, 'key of another site'],
    ['a forged proof of the listener', 'challenge', { proof: 'forged' }, 'key of another site'],
    ['a forged proof of the dialer', 'auth', { proof: 'forged' }, 'key of another site'],
    ['a frame out of place', 'auth', { type: 'welcome' }, 'out of place'],
  ])('refuses %s', (_, type, change, reason) => {
    const tamper = (frame: HandshakeFrame) =>
      frame.type === type ? ({ ...frame, ...change } as HandshakeFrame) : frame;
    const { dialer, listener } = shake({ tamper });
    expect(dialer?.established ?? listener?.established).toBeUndefined();
    expect(dialer?.refused).toMatchObject({ code: 'PEER_REFUSED', message: expect.stringContaining(reason) });
  });
});

describe('sealed frames', () => {
  const contents = fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 8 });
  const key = Buffer.alloc(32, 7);
  const codeOfOpening = (opener: Opener, sealed: Buffer): string => {
    try {
      opener.open(sealed.subarray(4));
      return 'opened';
    } catch (error) {
      return codeOf(error);
    }
  };

  it('open in order to what they were, and hide it', () => {
    fc.assert(
      fc.property(contents, (all) => {
        const [sealer, opener] = [new Sealer(key), new Opener(key)];
        for (const content of all) {
          const sealed = sealer.seal(content.subarray(0, 10), content.subarray(10));
          expect(sealed.readUInt32BE(0)).toBe(sealed.length - 4);
          if (content.length >= 8) expect(sealed.includes(Buffer.from(content))).toBe(false);
          expect(opener.open(sealed.subarray(4))).toEqual(Buffer.from(content));
        }
      }),
    );
  });

  it('do not open when a bit is changed, when they are cut, repeated, or left out', () => {
    fc.assert(
      fc.property(contents, fc.nat(), (all, place) => {
        const sealer = new Sealer(key);
        const [first, second] = [sealer.seal(all[0] as Uint8Array), sealer.seal(Buffer.of(1))];
        const changed = Buffer.from(first);
        const at = 4 + (place % (changed.length - 4));
        changed[at] = (changed[at] as number) ^ 1;
        expect(codeOfOpening(new Opener(key), changed)).toBe('PEER_FRAME_INVALID');
        expect(codeOfOpening(new Opener(key), first.subarray(0, -1))).toBe('PEER_FRAME_INVALID');
        expect(codeOfOpening(new Opener(key), second)).toBe('PEER_FRAME_INVALID');
        const opener = new Opener(key);
        expect(codeOfOpening(opener, first)).toBe('opened');
        expect(codeOfOpening(opener, first)).toBe('PEER_FRAME_INVALID');
      }),
    );
  });
});

describe('frames', () => {
  const number = fc.maxSafeNat();
  const text = fc.string({ unit: 'grapheme', maxLength: 20 });
  const body = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes));
  const stampMs = fc
    .tuple(fc.integer({ min: 0, max: 2 ** 42 }), fc.nat(HLC_COUNTS - 1))
    .map(([ms, count]) => ms + count / HLC_COUNTS);
  const frame = fc.oneof(
    fc.record({ kind: fc.constant('message'), stampMs, channel: text, body }),
    fc.record({ kind: fc.constant('streamBegin'), stream: number, stampMs, channel: text, body }),
    fc.record({ kind: fc.constant('streamChunk'), stream: number, body }),
    fc.record({ kind: fc.constantFrom('streamEnd', 'streamAbort', 'streamDone'), stream: number }),
    fc.record({ kind: fc.constantFrom('ping', 'pong'), id: number }),
    fc.record({ kind: fc.constant('streamTaken'), stream: number, bytes: number }),
    fc.record({ kind: fc.constant('streamFailed'), stream: number, reason: text }),
  ) as fc.Arbitrary<Frame>;

  it('come back as they were', () => {
    fc.assert(
      fc.property(frame, (one) => {
        const content = Buffer.concat([encodeHead(one), ...('body' in one ? [one.body] : [])]);
        expect(decodeFrame(content)).toEqual(one);
      }),
      { numRuns: 300 },
    );
  });

  it('of random bytes are a frame or PEER_FRAME_INVALID', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeFrame(Buffer.from(bytes));
        } catch (error) {
          expect(codeOf(error)).toBe('PEER_FRAME_INVALID');
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
