import type { CallOptions } from '../coordination/types.ts';
import type { SiteChange } from '../transactions/index.ts';
import type { LedgerOptions } from './append.ts';
import { authorComparison, chainPuts, checkedAct, headComparison, nextEntry } from './chain.ts';
import type { Act, LedgerEntry } from './entry.ts';
import { HEAD_KEY } from './keys.ts';

export interface LedgerPart extends Required<SiteChange> {
  entry: LedgerEntry;
}

/**
 * The next entry of a site's ledger as a part of a change over several sites, which enters it at each site or at none. From
 * the prepare until the decision nothing else can be entered there, and a change that comes second aborts.
 * Rejects with COORDINATION_REJECTED and as the group does.
 */
export async function ledgerPart(
  { group, clock, author }: Omit<LedgerOptions, 'appendTimeoutMs'>,
  act: Act,
  options?: CallOptions,
): Promise<LedgerPart> {
  const head = await group.get(HEAD_KEY, options);
  const entry = nextEntry(head, checkedAct(act), author, clock);
  return { entry, compare: [headComparison(head), authorComparison(author)], operations: chainPuts(entry) };
}
