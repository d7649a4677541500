import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { LatticeError } from '../../../core/errors/index.ts';
import { type ControlFrame, helloDetailsSchema } from './control.ts';
import { LINK_PROTOCOL_VERSION, linkProtocolError } from './protocol.ts';

/** One end of a link as it introduces itself. */
export interface LinkIdentity {
  node: string;
  incarnation: string;
  /** Never the same twice. */
  nonce: string;
  /** Carries no traffic between others. */
  isLeaf: boolean;
  /** Forms of compression that it can read, see acceptedCodecs(). */
  accepts: readonly string[];
}

export interface HandshakeStep {
  send: ControlFrame[];
  /** Set once both ends have proven that they hold the key. */
  peer?: LinkIdentity;
  /** The link is not to be; the frame that tells the other end why is in `send`. */
  refused?: LatticeError;
}

export interface HandshakeOptions {
  /** The dialer speaks first. */
  role: 'dialer' | 'listener';
  own: LinkIdentity;
  key: Buffer;
  /** Why this peer may not link at the moment, if it may not. */
  objection: (peer: LinkIdentity) => string | undefined;
}

/** The key of all links of a mesh, HKDF-SHA256 (RFC 5869) of the site key, so that a link's proof tells nothing of the site key's other uses. */
export function linkKey(siteKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', siteKey, '', 'lattice/link/v1', 32));
}

/**
 * Mutual authentication by challenge and response: HELLO (dialer), CHALLENGE (listener, with its proof), AUTH (dialer's
 * proof), WELCOME. A proof is HMAC-SHA256 over the role and all that both ends said of themselves, the nonces among it,
 * so that it holds for one end of one connection only. Pure: frames in, frames out.
 */
export class Handshake {
  readonly #options: HandshakeOptions;
  #peer: LinkIdentity | undefined;
  #claimed: string | undefined;

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  /** Who the other end says it is, proven or not. */
  get claimed(): string | undefined {
    return this.#claimed;
  }

  begin(): ControlFrame[] {
    if (this.#options.role === 'listener') return [];
    return [{ type: 'hello', protocol: LINK_PROTOCOL_VERSION, ...this.#introduction() }];
  }

  on(frame: ControlFrame): HandshakeStep {
    const { role } = this.#options;
    if (frame.type === 'refuse') {
      const text = `The other broker refused the link: ${frame.reason}`;
      return { send: [], refused: new LatticeError(frame.code, text) };
    }
    if (role === 'listener' && frame.type === 'hello' && this.#peer === undefined) return this.#onHello(frame);
    if (role === 'listener' && frame.type === 'auth' && this.#peer !== undefined) {
      return this.#onAuth(frame.proof, this.#peer);
    }
    if (role === 'dialer' && frame.type === 'challenge' && this.#peer === undefined) return this.#onChallenge(frame);
    if (role === 'dialer' && frame.type === 'welcome' && this.#peer !== undefined)
      return { send: [], peer: this.#peer };
    return refusal(linkProtocolError(`A frame "${frame.type}" out of place in the handshake.`));
  }

  #onHello(frame: Extract<ControlFrame, { type: 'hello' }>): HandshakeStep {
    if (frame.protocol !== LINK_PROTOCOL_VERSION) {
      const text = `This broker speaks version ${LINK_PROTOCOL_VERSION} of the link protocol, not ${frame.protocol}.`;
      return refusal(linkProtocolError(text));
    }
    const details = helloDetailsSchema.safeParse(frame);
    if (!details.success) return refusal(linkProtocolError('HELLO lacks its node, incarnation or nonce.'));
    this.#claimed = details.data.node;
    const objection = this.#options.objection(details.data);
    if (objection !== undefined) return refusal(new LatticeError('LINK_REFUSED', objection));
    this.#peer = details.data;
    return { send: [{ type: 'challenge', ...this.#introduction(), proof: this.#proof('listener', details.data) }] };
  }

  #onChallenge({ type: _type, proof, ...peer }: Extract<ControlFrame, { type: 'challenge' }>): HandshakeStep {
    this.#claimed = peer.node;
    const objection = this.#options.objection(peer);
    if (objection !== undefined) return refusal(new LatticeError('LINK_REFUSED', objection));
    if (!isSame(proof, this.#proof('listener', peer))) return wrongSecret(peer.node);
    this.#peer = peer;
    return { send: [{ type: 'auth', proof: this.#proof('dialer', peer) }] };
  }

  #onAuth(proof: string, peer: LinkIdentity): HandshakeStep {
    if (!isSame(proof, this.#proof('dialer', peer))) return wrongSecret(peer.node);
    return { send: [{ type: 'welcome' }], peer };
  }

  #introduction(): Omit<LinkIdentity, 'accepts'> & { accepts: string[] } {
    return { ...this.#options.own, accepts: [...this.#options.own.accepts] };
  }

  #proof(prover: 'dialer' | 'listener', peer: LinkIdentity): string {
    const { role, own, key } = this.#options;
    const [dialer, listener] = role === 'dialer' ? [own, peer] : [peer, own];
    const ends = [dialer, listener].map((end) => [end.node, end.incarnation, end.nonce, end.isLeaf, end.accepts]);
    return createHmac('sha256', key)
      .update(JSON.stringify([LINK_PROTOCOL_VERSION, prover, ends]))
      .digest('base64');
  }
}

function wrongSecret(node: string): HandshakeStep {
  return refusal(new LatticeError('LINK_REFUSED', `The link secret of ${node} is another one.`));
}

function refusal(error: LatticeError): HandshakeStep {
  const code = error.code === 'LINK_REFUSED' ? 'LINK_REFUSED' : 'LINK_PROTOCOL';
  return { send: [{ type: 'refuse', code, reason: error.message.slice(0, 500) }], refused: error };
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
