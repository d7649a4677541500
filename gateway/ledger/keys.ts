/** Everything of the ledger lies under this prefix in the site's group. */
export const LEDGER_PREFIX = 'lattice/ledger/';
/** Sequence and hash of the newest entry; every append is conditional on it. */
export const HEAD_KEY = `${LEDGER_PREFIX}head`;
export const ENTRIES_PREFIX = `${LEDGER_PREFIX}entries/`;

/** Padded, so that the order of the keys is the order of the entries. */
export const entryKey = (sequence: number): string => `${ENTRIES_PREFIX}${String(sequence).padStart(16, '0')}`;
/** The public key of an author who may append now. */
export const authorKey = (author: string): string => `${LEDGER_PREFIX}authors/${author}`;
