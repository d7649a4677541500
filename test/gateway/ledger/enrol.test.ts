import { expect, test } from 'vitest';
import { VirtualClock } from '../../../core/time/index.ts';
import {
  createSigningKey,
  enrolAuthor,
  ledgeredTransaction,
  siteRootKey,
  verifyLedgerOf,
} from '../../../gateway/ledger/index.ts';
import { MemorySite, memoryCoordinator } from '../../support/memory-site.ts';

const SITE_KEY = 'the key of a site, for tests';

function author(name: string) {
  return { name, key: createSigningKey() };
}

test('authors who hold the site key enrol in any order, also twice, and their acts verify by the root of that key alone', async () => {
  const options = { group: memoryCoordinator(new MemorySite()), clock: new VirtualClock() };
  const authors = [author('gateway-1'), author('gateway-2'), author('operator')];
  await Promise.all([...authors, ...authors].map((one) => enrolAuthor(options, SITE_KEY, one)));
  for (const one of authors) await ledgeredTransaction({ ...options, author: one }, { act: 'config.set', details: {} });
  const rootKey = siteRootKey(SITE_KEY).publicKey;
  const verdict = await verifyLedgerOf(options.group, { rootKey });
  expect(verdict).toMatchObject({ ok: true });
  const foreign = await verifyLedgerOf(options.group, { rootKey: siteRootKey('another key').publicKey });
  expect(foreign).toMatchObject({ ok: false, count: 0 });
});

test('who holds another site key cannot enrol', async () => {
  const options = { group: memoryCoordinator(new MemorySite()), clock: new VirtualClock() };
  await enrolAuthor(options, SITE_KEY, author('gateway-1'));
  await expect(enrolAuthor(options, 'another key', author('stranger'))).rejects.toMatchObject({
    code: 'LEDGER_INVALID',
  });
});
