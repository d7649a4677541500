import { join } from 'node:path';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import { readSecrets } from '../../core/mesh/index.ts';
import { systemClock } from '../../core/time/index.ts';
import { transactionAnswerSchema } from '../coordination/drivers/http/index.ts';
import {
  type Act,
  enrolAuthor,
  type LedgerOptions,
  ledgeredTransaction,
  loadOrCreateSigningKey,
} from '../ledger/index.ts';
import type { Site } from './site.ts';

/** The key of the site in a data folder, from which the root of its ledger follows. Throws USAGE. */
export function siteKeyOf(dataDir: string): string {
  const siteKey = readSecrets(dataDir)?.siteKey;
  if (siteKey !== undefined) return siteKey;
  throw new LatticeError('USAGE', `${dataDir} has no key of a site: name the data folder of the mesh by --data.`);
}

/**
 * Does what the operator asks for and enters it in the site's ledger, before: nothing is done that does not stand there. What was
 * refused then is entered too. The first act introduces the operator, whose key is made then, by the site's root key.
 */
export async function entered<T>(site: Site, act: Act, deed: () => Promise<T>): Promise<T> {
  const options = await ledgerOf(site);
  await enrolAuthor(options, siteKeyOf(site.dataDir), options.author);
  const standing = await ledgeredTransaction(options, act);
  try {
    return await deed();
  } catch (error) {
    const sequence = standing.succeeded ? standing.entry.sequence : 0;
    const details = { sequence, code: codeOf(error), reason: messageOf(error) };
    // What went wrong is what the operator has to hear of, also when it cannot be entered.
    await ledgeredTransaction(options, { act: `${act.act}.failed`, details }).catch(() => {});
    throw error;
  }
}

async function ledgerOf({ caller, coordinator, operator, dataDir }: Site): Promise<LedgerOptions> {
  return {
    clock: systemClock,
    author: { name: operator, key: await loadOrCreateSigningKey(join(dataDir, 'operator.key')) },
    group: {
      get: (key, options) => coordinator.get(key, options),
      // The gateways take nothing else there, where all other changes of the ledger are refused.
      transaction: (body, options) =>
        caller.call({ method: 'POST', path: 'ledger', body, kind: 'change' }, transactionAnswerSchema, options),
    },
  };
}
