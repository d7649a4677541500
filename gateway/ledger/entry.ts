import { createHash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { isSignedBy, type SigningKey } from './signing-key.ts';

/** Hexadecimal in lower case, since base64 has several texts for the same bytes. */
const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);
export const publicKeySchema = z.string().regex(/^[0-9a-f]{64}$/);

const detailsSchema = z.record(z.string(), z.json());

/** What an author does: a word for the act, and whatever says how. */
export const actSchema = z.object({ act: z.string().min(1).max(200), details: detailsSchema });

export const entrySchema = z.strictObject({
  /** 1 for the first, one more for each. */
  sequence: z.number().int().positive(),
  /** By the wall clock of the author's gateway: a statement of the author. What orders entries is their sequence. */
  atMs: z.number().int().nonnegative(),
  author: z.string().min(1).max(200),
  ...actSchema.shape,
  /** The hash of the entry before; NO_HASH for the first. */
  previousHash: hashSchema,
  /** SHA-256 of the canonical JSON of all of the above. */
  hash: hashSchema,
  /** Ed25519 by the author, of the hash. */
  signature: z.string().regex(/^[0-9a-f]{128}$/),
});

export type Act = z.infer<typeof actSchema>;
export type LedgerEntry = z.infer<typeof entrySchema>;
type Unsigned = Omit<LedgerEntry, 'hash' | 'signature'>;

export const NO_HASH = '0'.repeat(64);

/** Acts about the ledger's own authors. */
export const GENESIS = 'ledger.genesis';
export const ADD_AUTHOR = 'ledger.author.add';
export const REVOKE_AUTHOR = 'ledger.author.revoke';

export const authorDetailsSchema = z.object({ author: z.string().min(1).max(200), publicKey: publicKeySchema });
export const revocationDetailsSchema = z.object({ author: z.string().min(1).max(200) });

export function signEntry(unsigned: Unsigned, key: SigningKey): LedgerEntry {
  const hash = hashOf(unsigned);
  return { ...unsigned, hash, signature: key.sign(statementOf(hash)) };
}

export function hashOf({ sequence, atMs, author, act, details, previousHash }: Unsigned): string {
  const text = canonicalJson({ sequence, atMs, author, act, details, previousHash });
  return createHash('sha256').update(text).digest('hex');
}

export function hasGoodSignature(entry: LedgerEntry, publicKey: string): boolean {
  return isSignedBy(publicKey, statementOf(entry.hash), entry.signature);
}

/** Says what is signed, so that a signature made for another purpose is none here. */
function statementOf(hash: string): string {
  return `lattice ledger entry, version 1: ${hash}`;
}
