import { hkdfSync } from 'node:crypto';
import { addLedgerAuthor, beginLedger, type LedgerOptions } from './append.ts';
import type { LedgerAuthor } from './chain.ts';
import { authorKey } from './keys.ts';
import { type SigningKey, signingKeyOfSeed } from './signing-key.ts';

/** In whose name a ledger begins, and authors are introduced. */
const ROOT_AUTHOR = 'site';
const SEED_BYTES = 32;

/**
 * The root key of a site's ledger, made of the site key: who holds that runs the site, and may say who its gateways and
 * operators are. What each of them does is signed by a key of their own.
 */
export function siteRootKey(siteKey: string): SigningKey {
  return signingKeyOfSeed(Buffer.from(hkdfSync('sha256', siteKey, '', 'lattice ledger root', SEED_BYTES)));
}

/** Begins the ledger if need be, and introduces the author, unless both is done. Rejects as the group and the ledger do. */
export async function enrolAuthor(
  { group, clock }: Pick<LedgerOptions, 'group' | 'clock'>,
  siteKey: string,
  { name, key }: LedgerAuthor,
): Promise<void> {
  const known = await group.get(authorKey(name));
  if (known?.value === key.publicKey) return;
  const options: LedgerOptions = { group, clock, author: { name: ROOT_AUTHOR, key: siteRootKey(siteKey) } };
  await beginLedger(options);
  await addLedgerAuthor(options, name, key.publicKey);
}
