export {
  addLedgerAuthor,
  beginLedger,
  type Guarded,
  type LedgerAuthor,
  type Ledgered,
  type LedgerOptions,
  ledgeredTransaction,
  revokeLedgerAuthor,
} from './append.ts';
export type { Act, LedgerEntry } from './entry.ts';
export { LEDGER_PREFIX } from './keys.ts';
export { verifyLedgerBytes, verifyLedgerFile } from './ndjson.ts';
export { ledgerLines, verifyLedgerOf } from './read.ts';
export { createSigningKey, loadOrCreateSigningKey, type SigningKey } from './signing-key.ts';
export { type BadReason, LedgerVerifier, ledgerError, type Trust, type Verdict, verifyLedger } from './verify.ts';
