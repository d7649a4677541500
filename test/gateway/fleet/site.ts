import { pino } from 'pino';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import type { Coordinator } from '../../../gateway/coordination/index.ts';
import { EpochKeeper, Fleet } from '../../../gateway/fleet/index.ts';
import {
  beginLedger,
  createSigningKey,
  type LedgerEntry,
  ledgerLines,
  verifyLedgerOf,
} from '../../../gateway/ledger/index.ts';

export const ROOT = { name: 'root', key: createSigningKey() };
export const SCOPE = 'home/leader';

/** The ledger of a site, begun by ROOT, and what is written through it. */
export async function openSite(name: string, group: Coordinator) {
  await beginLedger({ group, clock: systemClock, author: ROOT });
  return {
    group,
    fleet: new Fleet({ site: name, group, clock: systemClock, random: seededRandom(name), changeTimeoutMs: 2_000 }),
    async acts(): Promise<LedgerEntry[]> {
      const entries: LedgerEntry[] = [];
      for await (const line of ledgerLines(group, 2)) entries.push(JSON.parse(line));
      return entries;
    },
    verdict: () => verifyLedgerOf(group, { rootKey: ROOT.key.publicKey }),
  };
}

/** A keeper of the epoch whose lead a test gives and takes. */
export function openKeeper(group: Coordinator, name: string) {
  let tell: (token: number | undefined) => void = () => {};
  const keeper = new EpochKeeper({
    ...{ group, scope: SCOPE, author: ROOT, clock: systemClock, random: seededRandom(name) },
    log: pino({ level: 'silent' }),
    retryMs: 20,
    onLeadership(listener) {
      tell = listener;
      return () => {};
    },
  });
  keeper.start();
  return { keeper, lead: (token: number | undefined) => tell(token) };
}
