import { type Probe, probeKey, type Reply } from '../../../../gateway/clock/probe/packet.ts';

export const SITE_KEY = 'the key of the site home, for tests';
export const KEY = probeKey(SITE_KEY);
export const A = { site: 'home', name: 'a' };
export const B = { site: 'home', name: 'b' };

export function probeOf(changes: Partial<Probe> = {}): Probe {
  const tokens = { boot: 'a0a1a2a3a4a5a6a7', nonce: '0011223344556677' };
  return { kind: 'probe', sender: A, receiver: B, ...tokens, sequence: 7, ...changes };
}

export function replyOf(probe: Probe, changes: Partial<Reply> = {}): Reply {
  const { nonce, sequence, sender, receiver } = probe;
  const head = {
    kind: 'reply',
    sender: receiver,
    receiver: sender,
    boot: 'b0b1b2b3b4b5b6b7',
    nonce,
    sequence,
  } as const;
  return { ...head, t2Ms: 5_000, t3Ms: 5_000.25, isLate: false, ...changes };
}
