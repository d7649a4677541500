import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { LatticeError } from '../../../core/errors/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { VirtualClock } from '../../../core/time/index.ts';
import { signEntry } from '../../../gateway/ledger/entry.ts';
import {
  addLedgerAuthor,
  beginLedger,
  createSigningKey,
  type LedgerEntry,
  type LedgerOptions,
  ledgerError,
  ledgeredTransaction,
  ledgerLines,
  revokeLedgerAuthor,
  type Trust,
  verifyLedger,
  verifyLedgerBytes,
  verifyLedgerFile,
  verifyLedgerOf,
} from '../../../gateway/ledger/index.ts';
import { MemorySite, memoryCoordinator } from '../../support/memory-site.ts';

// The same few signatures are checked for every byte that is changed; each answer is computed once.
vi.mock('../../../gateway/ledger/signing-key.ts', async (importOriginal) => {
  const real = await importOriginal<typeof import('../../../gateway/ledger/signing-key.ts')>();
  const answers = new Map<string, boolean>();
  const isSignedBy = (...asked: [string, string, string]): boolean => {
    const question = asked.join('|');
    const answer = answers.get(question) ?? real.isSignedBy(...asked);
    answers.set(question, answer);
    return answer;
  };
  return { ...real, isSignedBy };
});

const ROOT = { name: 'root', key: createSigningKey() };
const ANNA = { name: 'anna', key: createSigningKey() };
const TRUST: Trust = { rootKey: ROOT.key.publicKey };

function site() {
  const store = new MemorySite();
  const group = memoryCoordinator(store);
  const options: LedgerOptions = { group, clock: new VirtualClock(), author: ROOT };
  return { store, group, options, anna: { ...options, author: ANNA } };
}

/** A ledger of 20 entries by two authors. */
async function written() {
  const made = site();
  await beginLedger(made.options);
  await addLedgerAuthor(made.options, ANNA.name, ANNA.key.publicKey);
  for (let i = 3; i <= 20; i++) {
    const by = i % 2 === 0 ? made.options : made.anna;
    await ledgeredTransaction(by, { act: 'config.set', details: { key: `k${i}`, note: 'grün', value: i / 3 } });
  }
  const lines: string[] = [];
  for await (const line of ledgerLines(made.group)) lines.push(line);
  return { ...made, lines, entries: lines.map((line) => JSON.parse(line) as LedgerEntry) };
}

async function* inOne(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

describe('a ledger', () => {
  it('holds together, in the group, as entries and as a file', async () => {
    const { group, lines, entries } = await written();
    const whole = { ok: true, count: 20, headHash: entries.at(-1)!.hash };
    expect(await verifyLedgerOf(group, TRUST)).toEqual(whole);
    expect(verifyLedger(entries, TRUST)).toEqual(whole);
    const folder = await mkdtemp(join(tmpdir(), 'ledger-'));
    try {
      const file = join(folder, 'audit.ndjson');
      await writeFile(file, lines.map((line) => `${line}\n`).join(''));
      expect(await verifyLedgerFile(file, { ...TRUST, headHash: whole.headHash })).toEqual(whole);
      await expect(verifyLedgerFile(join(folder, 'none'), TRUST)).rejects.toMatchObject({ code: 'DATA_UNUSABLE' });
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('shows every changed byte, and the first bad entry', async () => {
    const { lines } = await written();
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const random = seededRandom('flip');
    let place = 1;
    for (let i = 0; i < bytes.length; i++) {
      const was = bytes[i]!;
      bytes[i] = was ^ (1 << random.below(8));
      const verdict = await verifyLedgerBytes(inOne(bytes), TRUST);
      expect(verdict, `byte ${i} became ${bytes[i]}`).toMatchObject({ ok: false, count: place - 1, bad: { place } });
      bytes[i] = was;
      if (was === 0x0a) place++;
    }
    expect(place).toBe(21);
  }, 120_000);

  it('shows a changed byte whatever the chunks are in which it comes', async () => {
    const { lines } = await written();
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    async function* bytewise(): AsyncIterable<Uint8Array> {
      for (let i = 0; i < bytes.length; i += 7) yield bytes.subarray(i, i + 7);
    }
    expect(await verifyLedgerBytes(bytewise(), TRUST)).toMatchObject({ ok: true, count: 20 });
    expect(await verifyLedgerBytes(inOne(bytes.subarray(0, -1)), TRUST)).toMatchObject({ bad: { place: 20 } });
  });

  it('shows that its end is missing when the newest hash is known', async () => {
    const { entries } = await written();
    const cut = entries.slice(0, 15);
    expect(verifyLedger(cut, TRUST)).toMatchObject({ ok: true, count: 15 });
    const verdict = verifyLedger(cut, { ...TRUST, headHash: entries.at(-1)!.hash });
    expect(verdict).toMatchObject({ ok: false, count: 15, bad: { place: 16, reason: 'head' } });
    expect(verifyLedger([], TRUST)).toMatchObject({ ok: false, bad: { place: 1, reason: 'genesis' } });
  });

  it('shows entries left out, doubled and moved', async () => {
    const { entries } = await written();
    expect(verifyLedger(entries.toSpliced(6, 1), TRUST)).toMatchObject({ bad: { place: 7, reason: 'gap' } });
    expect(verifyLedger(entries.toSpliced(6, 0, entries[5]!), TRUST)).toMatchObject({
      bad: { place: 7, reason: 'order' },
    });
    const moved = entries.with(6, entries[7]!).with(7, entries[6]!);
    expect(verifyLedger(moved, TRUST)).toMatchObject({ bad: { place: 7, reason: 'gap' } });
  });

  it('shows another root, a stranger and a forged signature, and names the entry in its error', async () => {
    const { entries } = await written();
    const other = createSigningKey();
    expect(verifyLedger(entries, { rootKey: other.publicKey })).toMatchObject({ bad: { place: 1 } });
    const { hash: _, signature: __, ...last } = entries.at(-1)!;
    const forged = verifyLedger([...entries.slice(0, 19), signEntry(last, other)], TRUST);
    expect(forged).toMatchObject({ ok: false, count: 19, bad: { place: 20, reason: 'signature' } });
    const stranger = signEntry({ ...last, author: 'eve' }, other);
    expect(verifyLedger([...entries.slice(0, 19), stranger], TRUST)).toMatchObject({
      bad: { place: 20, reason: 'unknown-author' },
    });
    const error = ledgerError(forged as never);
    expect(error).toMatchObject({ code: 'LEDGER_INVALID', message: expect.stringContaining('Entry 20') });
  });

  it('refuses a revoked author, and shows an entry of one', async () => {
    const { options, anna, group, entries } = await written();
    expect(await revokeLedgerAuthor(options, 'anna')).toMatchObject({ succeeded: true });
    expect(await revokeLedgerAuthor(options, 'nobody')).toEqual({ succeeded: false });
    await expect(ledgeredTransaction(anna, { act: 'late', details: {} })).rejects.toMatchObject({
      code: 'COORDINATION_REJECTED',
    });
    expect(await verifyLedgerOf(group, TRUST)).toMatchObject({ ok: true, count: 21 });
    const all: LedgerEntry[] = [...entries];
    for await (const line of ledgerLines(group, 21)) all.push(JSON.parse(line));
    const previousHash = all.at(-1)!.hash;
    const late = { sequence: 22, atMs: 0, author: 'anna', act: 'late', details: {}, previousHash };
    expect(verifyLedger([...all, signEntry(late, ANNA.key)], TRUST)).toMatchObject({
      bad: { place: 22, reason: 'revoked-author' },
    });
  });
});

describe('appending', () => {
  it('never forks the chain when many append at once', async () => {
    const store = new MemorySite();
    const random = seededRandom('appenders');
    const group = memoryCoordinator(store, async () => {
      for (let turns = random.below(6); turns > 0; turns--) await Promise.resolve();
    });
    const options: LedgerOptions = { group, clock: new VirtualClock(), author: ROOT };
    await Promise.all([beginLedger(options), beginLedger(options)]);
    const acts = Array.from({ length: 40 }, (_, i) =>
      ledgeredTransaction(
        options,
        { act: 'set', details: { i } },
        { operations: [{ op: 'put', key: `k${i}`, value: '' }] },
      ),
    );
    const entered = (await Promise.all(acts)).map((one) => (one.succeeded ? one.entry.sequence : 0));
    expect([...entered].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, i) => i + 2));
    expect(await verifyLedgerOf(group, TRUST)).toMatchObject({ ok: true, count: 41 });
    expect(store.range({ prefix: 'k' })).toHaveLength(40);
  });

  it('enters once what was carried out though the answer was lost', async () => {
    const { store, options } = site();
    await beginLedger(options);
    let lost = 3;
    const plain = memoryCoordinator(store);
    const lossy: LedgerOptions['group'] = {
      get: plain.get,
      transaction: async (transaction) => {
        const result = await plain.transaction(transaction);
        if (lost-- > 0) throw new LatticeError('COORDINATION_TIMEOUT', 'no answer');
        return result;
      },
    };
    const guarded = {
      compare: [{ key: 'k', target: 'version', op: '=', value: 0 } as const],
      operations: [{ op: 'put', key: 'k', value: 'v' } as const],
    };
    const result = await ledgeredTransaction({ ...options, group: lossy }, { act: 'set', details: {} }, guarded);
    expect(result).toMatchObject({ succeeded: true, entry: { sequence: 2 } });
    expect(store.keys.get('k')?.version).toBe(1);
    expect(await verifyLedgerOf(plain, TRUST)).toMatchObject({ ok: true, count: 2 });
  });

  it('enters nothing when a comparison does not hold', async () => {
    const { store, group, options } = site();
    await beginLedger(options);
    const compare = [{ key: 'k', target: 'version', op: '>', value: 0 } as const];
    const operations = [{ op: 'put', key: 'other', value: 'v' } as const];
    const result = await ledgeredTransaction(options, { act: 'set', details: {} }, { compare, operations });
    expect(result).toEqual({ succeeded: false });
    expect(store.keys.has('other')).toBe(false);
    expect(await verifyLedgerOf(group, TRUST)).toMatchObject({ ok: true, count: 1 });
  });

  it('refuses before there is a ledger, from strangers, and what is no act', async () => {
    const { options, anna } = site();
    const rejected = { code: 'COORDINATION_REJECTED' };
    await expect(ledgeredTransaction(options, { act: 'set', details: {} })).rejects.toMatchObject(rejected);
    await beginLedger(options);
    await expect(ledgeredTransaction(anna, { act: 'set', details: {} })).rejects.toMatchObject(rejected);
    for (const act of ['', 'ledger.genesis', 'ledger.author.add', 'ledger.author.revoke']) {
      await expect(ledgeredTransaction(options, { act, details: {} }), act).rejects.toMatchObject(rejected);
    }
    const large = { act: 'set', details: { text: 'x'.repeat(70_000) } };
    await expect(ledgeredTransaction(options, large)).rejects.toMatchObject(rejected);
    await expect(addLedgerAuthor(options, 'eve', 'no key')).rejects.toMatchObject(rejected);
    await expect(beginLedger(anna)).rejects.toMatchObject({ code: 'LEDGER_INVALID' });
  });
});
