import { describe, expect, it } from 'vitest';
import {
  type ControlFrame,
  Handshake,
  type HandshakeStep,
  LINK_PROTOCOL_VERSION,
  linkKey,
} from '../../../../broker/federation/wire/index.ts';

const A = { node: 'a', incarnation: 'life-a', nonce: 'nonce-a', isLeaf: true, accepts: ['zstd'] };
const B = { node: 'b', incarnation: 'life-b', nonce: 'nonce-b', isLeaf: false, accepts: [] };

function ends(keys = ['the site key of both', 'the site key of both'], objection?: string): [Handshake, Handshake] {
  return [
    new Handshake({ role: 'dialer', own: A, key: linkKey(keys[0] as string), objection: () => undefined }),
    new Handshake({ role: 'listener', own: B, key: linkKey(keys[1] as string), objection: () => objection }),
  ];
}

/** Carries frames to and fro until nobody speaks; `tamper` may change what crosses. */
function run([dialer, listener]: [Handshake, Handshake], tamper = (frame: ControlFrame): ControlFrame => frame) {
  const crossed: ControlFrame[] = [];
  const last: { dialer?: HandshakeStep; listener?: HandshakeStep } = {};
  let forListener = dialer.begin();
  while (forListener.length > 0) {
    const forDialer: ControlFrame[] = [];
    for (const frame of forListener.splice(0)) {
      crossed.push(frame);
      last.listener = listener.on(tamper(frame));
      forDialer.push(...last.listener.send);
    }
    for (const frame of forDialer) {
      crossed.push(frame);
      last.dialer = dialer.on(tamper(frame));
      forListener = [...forListener, ...last.dialer.send];
    }
  }
  return { crossed, ...last };
}

describe('the handshake', () => {
  it('makes both ends known to each other, and the key never crosses', () => {
    const { crossed, dialer, listener } = run(ends());
    expect(dialer?.peer).toEqual(B);
    expect(listener?.peer).toEqual(A);
    expect(crossed.map(({ type }) => type)).toEqual(['hello', 'challenge', 'auth', 'welcome']);
    const text = JSON.stringify(crossed);
    for (const form of ['base64', 'hex', 'latin1'] as const) {
      expect(text).not.toContain(linkKey('the site key of both').toString(form));
    }
  });

  it('fails on a wrong key at the first proof, and the other end is told', () => {
    const { crossed, dialer, listener } = run(ends(['the site key of both', 'some other site key']));
    expect(dialer?.refused).toMatchObject({ code: 'LINK_REFUSED' });
    expect(listener?.refused).toMatchObject({ code: 'LINK_REFUSED', message: expect.stringContaining('secret') });
    expect(crossed.at(-1)?.type).toBe('refuse');
  });

  it.each([
    ['the incarnation of HELLO', 'hello', { incarnation: 'forged' }],
    ['the nonce of HELLO', 'hello', { nonce: 'forged' }],
    ['that the dialer is a leaf', 'hello', { isLeaf: false }],
    ['what the listener can read', 'challenge', { accepts: ['zstd'] }],
    ['the incarnation of CHALLENGE', 'challenge', { incarnation: 'forged' }],
    ['the proof of CHALLENGE', 'challenge', { proof: 'forged' }],
    ['the proof of AUTH', 'auth', { proof: 'forged' }],
  ])('fails when somebody in between changes %s', (_name, type, change) => {
    const { dialer, listener } = run(ends(), (frame) =>
      frame.type === type ? ({ ...frame, ...change } as ControlFrame) : frame,
    );
    expect(listener?.peer).toBeUndefined();
    expect(listener?.refused ?? dialer?.refused).toMatchObject({ code: 'LINK_REFUSED' });
  });

  it('does not take the listener’s own proof for that of the dialer', () => {
    const [, listener] = ends();
    const { send } = listener.on({ type: 'hello', protocol: LINK_PROTOCOL_VERSION, ...A });
    const reflected = send[0]?.type === 'challenge' ? send[0].proof : '';
    expect(listener.on({ type: 'auth', proof: reflected }).refused).toMatchObject({ code: 'LINK_REFUSED' });
  });

  it('tells a peer of another version, whatever else it says, and refuses it', () => {
    const [, listener] = ends();
    const step = listener.on({ type: 'hello', protocol: 1, greeting: 'new style' });
    expect(step.refused).toMatchObject({ code: 'LINK_PROTOCOL' });
    expect(step.send).toEqual([
      {
        type: 'refuse',
        code: 'LINK_PROTOCOL',
        reason: expect.stringContaining('version 3 of the link protocol, not 1'),
      },
    ]);
  });

  it('passes an objection on to the other end', () => {
    const { dialer } = run(ends(undefined, 'a is not a peer of b.'));
    expect(dialer?.refused).toMatchObject({
      code: 'LINK_REFUSED',
      message: expect.stringContaining('a is not a peer'),
    });
  });

  it.each<ControlFrame>([
    { type: 'welcome' },
    { type: 'auth', proof: 'x' },
    { type: 'ping', id: 1, hlcMs: 0 },
    { type: 'hello', protocol: LINK_PROTOCOL_VERSION },
  ])('refuses $type where it does not belong', (frame) => {
    for (const end of ends()) {
      end.begin();
      expect(end.on(frame).refused).toMatchObject({ code: 'LINK_PROTOCOL' });
    }
  });
});
