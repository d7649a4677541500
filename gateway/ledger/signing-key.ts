import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { errnoOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import { writeFileAtomic } from '../../core/files/index.ts';

/** An Ed25519 key (RFC 8032). */
export interface SigningKey {
  /** The 32 bytes of the public key, in hexadecimal. */
  publicKey: string;
  /** The signature of the text's UTF-8 bytes, in hexadecimal. */
  sign(text: string): string;
}

export function createSigningKey(): SigningKey {
  return signingKey(generateKeyPairSync('ed25519').privateKey);
}

/**
 * The key in the file (PKCS #8, PEM), made there when there is none, readable by the owner alone. Rejects with
 * REFUSED_FOR_SAFETY when others can read the file, with CONFIG_UNREADABLE when it holds no Ed25519 key; it is never
 * replaced then, since what the old key has signed would have no author. For one process at a time.
 */
export async function loadOrCreateSigningKey(file: string): Promise<SigningKey> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) {
      throw new LatticeError('REFUSED_FOR_SAFETY', `${file} can be read by others; make it 0600.`);
    }
    const key = createPrivateKey(await readFile(file, 'utf8'));
    if (key.asymmetricKeyType !== 'ed25519') throw new Error(`a key of type ${key.asymmetricKeyType}, not ed25519`);
    return signingKey(key);
  } catch (cause) {
    if (cause instanceof LatticeError) throw cause;
    if (errnoOf(cause) !== 'ENOENT') {
      throw new LatticeError('CONFIG_UNREADABLE', `${file}: ${messageOf(cause)}.`, { cause });
    }
  }
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFileAtomic(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
  return signingKey(privateKey);
}

/** False also when the public key is none. */
export function isSignedBy(publicKey: string, text: string, signature: string): boolean {
  try {
    const x = Buffer.from(publicKey, 'hex').toString('base64url');
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, Buffer.from(text), key, Buffer.from(signature, 'hex'));
  } catch {
    return false;
  }
}

/** What stands before the seed in a private key of Ed25519 as PKCS #8 (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** The key of a seed of 32 bytes: the same seed gives the same key. */
export function signingKeyOfSeed(seed: Buffer): SigningKey {
  return signingKey(createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' }));
}

function signingKey(privateKey: KeyObject): SigningKey {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return {
    publicKey: Buffer.from(x!, 'base64url').toString('hex'),
    sign: (text) => sign(null, Buffer.from(text), privateKey).toString('hex'),
  };
}
