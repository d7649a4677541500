import type { Coordinator } from '../coordination/types.ts';
import { ENTRIES_PREFIX, entryKey } from './keys.ts';
import { LedgerVerifier, type Trust, type Verdict } from './verify.ts';

/** Entries are read so many at a time: with details at their bound, less than the 4 MiB of a gRPC message. */
const PAGE_ENTRIES = 50;
/** The first key after those of the entries: '0' follows '/'. */
const ENTRIES_END = `${ENTRIES_PREFIX.slice(0, -1)}0`;

/** The lines of the ledger as they are kept, in order, without their ends; as an export has them. */
export async function* ledgerLines(group: Pick<Coordinator, 'range'>, fromSequence = 1): AsyncIterable<string> {
  let from = entryKey(fromSequence);
  for (;;) {
    const { keyValues, hasMore } = await group.range({ from, to: ENTRIES_END }, { limit: PAGE_ENTRIES });
    for (const { value } of keyValues) yield value;
    const last = keyValues.at(-1);
    if (!hasMore || last === undefined) return;
    from = `${last.key}\0`;
  }
}

/** Checks the ledger that a group holds. */
export async function verifyLedgerOf(group: Pick<Coordinator, 'range'>, trust: Trust): Promise<Verdict> {
  const verifier = new LedgerVerifier(trust);
  for await (const line of ledgerLines(group)) if (!verifier.addLine(line)) break;
  return verifier.verdict();
}
