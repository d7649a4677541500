import { LatticeError } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { Coordinator } from '../coordination/index.ts';
import { type LedgerAuthor, ledgerPart } from '../ledger/index.ts';
import { type Committed, readCommitted, type SiteChange, type Transactor } from '../transactions/index.ts';
import { checkChange, type DesiredChange, SET_DESIRED, succession } from './desired.ts';
import { desiredKey } from './keys.ts';

export interface OverSitesOptions {
  transactor: Pick<Transactor, 'commit'>;
  /** The groups of the sites, those of the transactor. */
  sites: ReadonlyMap<string, Pick<Coordinator, 'get' | 'range' | 'transaction'>>;
  clock: Clock;
}

/**
 * Sets the settings of devices of several sites, at all of them or at none, each device at most once. It is an entry of each
 * site's ledger, which holds what changed there and, as `sites`, where else; so the author has to be one at each of them.
 *
 * Rejects with COORDINATION_REJECTED, TRANSACTION_ABORTED (also when another change of a device or of a ledger was first: ask
 * again) and TRANSACTION_IN_DOUBT, and as the groups do.
 */
export async function setDesiredOverSites(
  { transactor, sites, clock }: OverSitesOptions,
  author: LedgerAuthor,
  changes: DesiredChange[],
): Promise<Committed> {
  for (const change of changes) checkChange(change);
  const bySite = Map.groupBy(changes, ({ site }) => site);
  const names = [...bySite.keys()];
  const parts = await Promise.all(
    [...bySite].map(async ([site, own]): Promise<[string, SiteChange]> => {
      const group = sites.get(site);
      if (group === undefined) throw new LatticeError('COORDINATION_REJECTED', `The site ${site} is not known here.`);
      const keys = own.map(({ device }) => desiredKey(site, device));
      const found = await readCommitted(group, keys);
      const next = own.map((change, at) => succession(change, found[at]));
      const details = {
        changes: own.map((change, at) => ({ ...change, version: next[at]!.desired.version })),
        sites: names,
      };
      const part = await ledgerPart({ group, clock, author }, { act: SET_DESIRED, details });
      return [
        site,
        {
          compare: [...next.map(({ compare }) => compare), ...part.compare],
          operations: [...next.map(({ operation }) => operation), ...part.operations],
        },
      ];
    }),
  );
  return transactor.commit(new Map(parts));
}
