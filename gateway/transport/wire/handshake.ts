import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { LatticeError } from '../../../core/errors/index.ts';
import type { GatewayIdentity } from '../types.ts';
import { frameFault, TRANSPORT_PROTOCOL_VERSION } from './protocol.ts';

const REASON_CHARS_MAX = 500;
const name = z.string().min(1).max(64);
const identity = { site: name, name };
const nonce = z.string().min(16).max(64);
const proof = z.string().max(64);

/** Read in two steps: what speaks another version may look different behind its number. */
const helloSchema = z.looseObject({ type: z.literal('hello'), version: z.int() });
const helloDetailsSchema = z.object({ ...identity, nonce, to: z.object(identity) });
const handshakeSchema = z.discriminatedUnion('type', [
  helloSchema,
  z.object({ type: z.literal('challenge'), nonce, proof }),
  z.object({ type: z.literal('auth'), proof }),
  z.object({ type: z.literal('welcome') }),
  z.object({ type: z.literal('refuse'), reason: z.string().max(REASON_CHARS_MAX) }),
]);
export type HandshakeFrame = z.infer<typeof handshakeSchema>;

/** Keys of 32 bytes, one for each direction of one connection. */
export interface SessionKeys {
  send: Buffer;
  receive: Buffer;
}

export interface HandshakeStep {
  send: HandshakeFrame[];
  /** Both ends have proven that they hold the key; `send` still goes out in the open. */
  established?: { peer: GatewayIdentity; keys: SessionKeys };
  /** The connection is not to be; what tells the other end why is in `send`. */
  refused?: LatticeError;
}

interface HandshakeOptions {
  own: GatewayIdentity;
  /** Never the same twice. */
  nonce: string;
}

export interface DialerOptions extends HandshakeOptions {
  peer: GatewayIdentity;
  key: Buffer;
}

export interface ListenerOptions extends HandshakeOptions {
  /** The key of a gateway that may connect; undefined for all others. */
  keyOf: (peer: GatewayIdentity) => Buffer | undefined;
}

/** The key of all connections between gateways of a site, HKDF-SHA256 (RFC 5869) of the site key, so that it is of no other use. */
export function transportKey(siteKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', siteKey, '', 'lattice/gateway-transport/v1', 32));
}

export function encodeHandshake(frame: HandshakeFrame): Buffer {
  return Buffer.from(JSON.stringify(frame));
}

/** Throws PEER_FRAME_INVALID. */
export function decodeHandshake(content: Buffer): HandshakeFrame {
  let json: unknown;
  try {
    json = JSON.parse(content.toString('utf8'));
  } catch (cause) {
    throw frameFault('A frame of the handshake is not JSON.', cause);
  }
  const parsed = handshakeSchema.safeParse(json);
  if (!parsed.success) throw frameFault('A frame of the handshake does not fit.', parsed.error);
  return parsed.data;
}

/**
 * Mutual authentication by challenge and response: HELLO (dialer, with whom it wants), CHALLENGE (listener, with its proof),
 * AUTH (the dialer's proof), WELCOME. A proof is HMAC-SHA256 over the prover's role, the version and both ends' sites, names
 * and nonces, so that it holds for one end of one connection only. Pure: frames in, frames out.
 */
export class DialerHandshake {
  readonly #options: DialerOptions;
  #keys: SessionKeys | undefined;

  constructor(options: DialerOptions) {
    this.#options = options;
  }

  begin(): HandshakeFrame {
    const { own, peer, nonce } = this.#options;
    return { type: 'hello', version: TRANSPORT_PROTOCOL_VERSION, ...own, nonce, to: peer };
  }

  on(frame: HandshakeFrame): HandshakeStep {
    const { own, peer, nonce, key } = this.#options;
    if (frame.type === 'refuse') return { send: [], refused: peerRefused(`${peer.name} refused: ${frame.reason}`) };
    if (frame.type === 'challenge' && this.#keys === undefined) {
      const session = new Session(key, { ...own, nonce }, { ...peer, nonce: frame.nonce });
      if (!isSame(frame.proof, session.proof('listener'))) return refusal(`${peer.name} has the key of another site.`);
      const [send, receive] = session.keys();
      this.#keys = { send, receive };
      return { send: [{ type: 'auth', proof: session.proof('dialer') }] };
    }
    if (frame.type === 'welcome' && this.#keys !== undefined)
      return { send: [], established: { peer, keys: this.#keys } };
    return outOfPlace(frame);
  }
}

/** The other end of DialerHandshake. */
export class ListenerHandshake {
  readonly #options: ListenerOptions;
  #dialer: { peer: GatewayIdentity; session: Session } | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  on(frame: HandshakeFrame): HandshakeStep {
    if (frame.type === 'refuse') return { send: [], refused: peerRefused(`A dialer refused: ${frame.reason}`) };
    if (frame.type === 'hello' && this.#dialer === undefined) return this.#onHello(frame);
    if (frame.type !== 'auth' || this.#dialer === undefined) return outOfPlace(frame);
    const { peer, session } = this.#dialer;
    if (!isSame(frame.proof, session.proof('dialer'))) return refusal(`${peer.name} has the key of another site.`);
    const [receive, send] = session.keys();
    return { send: [{ type: 'welcome' }], established: { peer, keys: { send, receive } } };
  }

  #onHello(frame: z.infer<typeof helloSchema>): HandshakeStep {
    const { own, nonce, keyOf } = this.#options;
    if (frame.version !== TRANSPORT_PROTOCOL_VERSION) {
      return refusal(
        `This gateway speaks version ${TRANSPORT_PROTOCOL_VERSION} of the protocol, not ${frame.version}.`,
      );
    }
    const details = helloDetailsSchema.safeParse(frame);
    if (!details.success) return refusal('HELLO does not say who is there, or who is wanted.');
    const { to, site, name } = details.data;
    if (to.site !== own.site || to.name !== own.name) {
      return refusal(`Here is ${own.name} of site ${own.site}, not ${to.name} of site ${to.site}.`);
    }
    const peer = { site, name };
    const key = keyOf(peer);
    if (key === undefined) return refusal(`${name} of site ${site} is not a peer here.`);
    const session = new Session(key, { ...peer, nonce: details.data.nonce }, { ...own, nonce });
    this.#dialer = { peer, session };
    return { send: [{ type: 'challenge', nonce, proof: session.proof('listener') }] };
  }
}

interface End extends GatewayIdentity {
  nonce: string;
}

/** What follows from the key and what both ends said. */
class Session {
  readonly #key: Buffer;
  readonly #transcript: string;

  constructor(key: Buffer, dialer: End, listener: End) {
    this.#key = key;
    const ends = [dialer, listener].map((end) => [end.site, end.name, end.nonce]);
    this.#transcript = JSON.stringify([TRANSPORT_PROTOCOL_VERSION, ends]);
  }

  proof(prover: 'dialer' | 'listener'): string {
    return createHmac('sha256', this.#key).update(`${prover} ${this.#transcript}`).digest('base64');
  }

  /** Of what the dialer sends, and of what the listener sends. */
  keys(): [Buffer, Buffer] {
    const salt = createHash('sha256').update(this.#transcript).digest();
    const keyOf = (sender: string) => Buffer.from(hkdfSync('sha256', this.#key, salt, `sent by the ${sender}`, 32));
    return [keyOf('dialer'), keyOf('listener')];
  }
}

function outOfPlace(frame: HandshakeFrame): HandshakeStep {
  return refusal(`A frame "${frame.type}" out of place in the handshake.`);
}

function refusal(reason: string): HandshakeStep {
  return { send: [{ type: 'refuse', reason: reason.slice(0, REASON_CHARS_MAX) }], refused: peerRefused(reason) };
}

function peerRefused(reason: string): LatticeError {
  return new LatticeError('PEER_REFUSED', reason);
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
