import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { frameFault, lengthPrefix } from './protocol.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** The frame's number is its nonce (NIST SP 800-38D, 8.2.1): keys are of one connection and one direction, so none comes twice. */
class Nonces {
  readonly #nonce = Buffer.alloc(NONCE_BYTES);
  #count = 0;

  next(): Buffer {
    this.#nonce.writeUIntBE(this.#count++, NONCE_BYTES - 6, 6);
    return this.#nonce;
  }
}

/** Seals the frames of one direction of one connection: `u32 length, ciphertext, tag of 16 bytes`. */
export class Sealer {
  readonly #key: KeyObject;
  readonly #nonces = new Nonces();

  /** A key of 32 bytes that seals nothing else. */
  constructor(key: Buffer) {
    this.#key = createSecretKey(key);
  }

  /** One frame whose content is the head with the body behind it. */
  seal(head: Uint8Array, body?: Uint8Array): Buffer {
    const cipher = createCipheriv(CIPHER, this.#key, this.#nonces.next());
    const parts = [cipher.update(head)];
    if (body !== undefined && body.length > 0) parts.push(cipher.update(body));
    parts.push(cipher.final());
    parts.push(cipher.getAuthTag());
    const length = head.length + (body?.length ?? 0) + TAG_BYTES;
    return Buffer.concat([lengthPrefix(length), ...parts], 4 + length);
  }
}

/** The counterpart: frames in the order in which they were sealed, each once; anything else is PEER_FRAME_INVALID. */
export class Opener {
  readonly #key: KeyObject;
  readonly #nonces = new Nonces();

  constructor(key: Buffer) {
    this.#key = createSecretKey(key);
  }

  /** The content of what stands behind the length, in memory of its own. */
  open(sealed: Buffer): Buffer {
    if (sealed.length < TAG_BYTES) throw frameFault(`A sealed frame of ${sealed.length} bytes.`);
    const end = sealed.length - TAG_BYTES;
    const decipher = createDecipheriv(CIPHER, this.#key, this.#nonces.next(), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(sealed.subarray(end));
    const content = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch (cause) {
      throw frameFault('A frame was changed on its way, left out, or sent twice.', cause);
    }
    return content;
  }
}
