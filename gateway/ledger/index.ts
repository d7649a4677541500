export {
  addLedgerAuthor,
  beginLedger,
  type Guarded,
  type Ledgered,
  type LedgerOptions,
  ledgeredTransaction,
  revokeLedgerAuthor,
} from './append.ts';
export type { LedgerAuthor } from './chain.ts';
export { checkedAppend } from './check-append.ts';
export { enrolAuthor, siteRootKey } from './enrol.ts';
export type { Act, LedgerEntry } from './entry.ts';
export { HEAD_KEY, LEDGER_PREFIX } from './keys.ts';
export { verifyLedgerBytes, verifyLedgerFile } from './ndjson.ts';
export { type LedgerPart, ledgerPart } from './part.ts';
export { ledgerLines, verifyLedgerOf } from './read.ts';
export { createSigningKey, loadOrCreateSigningKey, type SigningKey } from './signing-key.ts';
export { type BadReason, LedgerVerifier, ledgerError, type Trust, type Verdict, verifyLedger } from './verify.ts';
