import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';

/** scrypt's cost, RFC 7914; 16 MiB and some 50 ms on a desktop, and within reach of a Pi. */
const SCRYPT = { N: 16_384, r: 8, p: 1, keyBytes: 32 } as const;

/** A password that nobody can guess: 128 bits, as 22 letters, digits, dashes and underscores. */
export function generatePassword(): string {
  return randomBytes(16).toString('base64url');
}

/** Hashes a password for an accounts file: `scrypt$salt$key`, both base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const key = await scryptKey(password, salt);
  return `scrypt$${salt.toString('base64url')}$${key.toString('base64url')}`;
}

/** A hash that no password fits, and that costs as much to check as any: for names that have no account. */
export function unmatchableHash(): string {
  return `scrypt$${randomBytes(16).toString('base64url')}$${randomBytes(SCRYPT.keyBytes).toString('base64url')}`;
}

/** Whether a password fits a hash made by hashPassword. A hash of another form fits nothing. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [scheme, salt, key] = hash.split('$');
  if (scheme !== 'scrypt' || salt === undefined || key === undefined) return false;
  return equalSecrets(await scryptKey(password, Buffer.from(salt, 'base64url')), Buffer.from(key, 'base64url'));
}

/**
 * The password of a machine's account, derived from the site's device key, so that a broker needs no list of devices
 * and a fleet of any size needs no registration. It is a MAC of the account's role and name: as strong as the key, and
 * cheap to check, which matters when a thousand devices come back at once.
 */
export function derivedPassword(siteKey: string, role: 'device' | 'gateway' | 'console', name: string): string {
  return createHmac('sha256', siteKey).update(`lattice/v1/${role}/${name}`).digest('base64url').slice(0, 32);
}

/** Compares two secrets without telling by the time it takes how much of them is equal. */
export function equalSecrets(a: Uint8Array | string, b: Uint8Array | string): boolean {
  const digest = (secret: Uint8Array | string): Buffer => createHmac('sha256', COMPARE_KEY).update(secret).digest();
  return timingSafeEqual(digest(a), digest(b));
}

/** A key of this process alone, so that digests of different lengths can be compared in constant time. */
const COMPARE_KEY = randomBytes(32);

function scryptKey(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, SCRYPT.keyBytes, { N: SCRYPT.N, r: SCRYPT.r, p: SCRYPT.p }, (error, key) => {
      if (error) reject(error);
      else resolve(key);
    });
  });
}
