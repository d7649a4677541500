import type { z } from 'zod';
import { codeOf, LatticeError } from '../../core/errors/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import type {
  Compare,
  Coordinator,
  Operation,
  OperationResult,
  Transaction,
  TransactionResult,
} from '../coordination/types.ts';
import { lockKey, unlocked } from '../transactions/index.ts';
import {
  authorComparison,
  chainPuts,
  checkedAct,
  entryIn,
  foundAt,
  headComparison,
  type LedgerAuthor,
  nextEntry,
} from './chain.ts';
import {
  type Act,
  ADD_AUTHOR,
  authorDetailsSchema,
  GENESIS,
  type LedgerEntry,
  NO_HASH,
  REVOKE_AUTHOR,
  signEntry,
} from './entry.ts';
import { authorKey, entryKey, HEAD_KEY } from './keys.ts';

export interface LedgerOptions {
  /** The site's group, which holds the ledger. */
  group: Pick<Coordinator, 'transaction' | 'get'>;
  clock: Clock;
  author: LedgerAuthor;
  /** Until appending is given up, in ms; also by how long others are first. Default 15,000. */
  appendTimeoutMs?: number;
}

/** What is to be changed together with the entry, when the comparisons hold. */
export interface Guarded {
  compare?: Compare[];
  operations?: Operation[];
}

/** The results are those of the operations; none when the answer was lost and the entry was found to stand all the same. */
export type Ledgered =
  | { succeeded: true; entry: LedgerEntry; revision: number; results: OperationResult[] }
  /** A comparison did not hold: nothing was changed and nothing entered. */
  | { succeeded: false };

const APPEND_TIMEOUT_MS = 15_000;
const REQUEST_TIMEOUT_MS = 2_000;
/** How often it is looked whether a change over several sites holds the head no more. */
const HELD_RETRY_MS = 100;

/**
 * Enters an act in the ledger and carries its operations out, in one transaction of the group: neither is ever there without
 * the other. It is conditional on the head, so that two who append at once never fork the chain: the later tries again.
 *
 * Rejects with COORDINATION_REJECTED (the act is malformed, there is no ledger yet, or the author is not in it or was
 * revoked), COORDINATION_TIMEOUT (it may have been entered) and as the group does.
 */
export async function ledgeredTransaction(options: LedgerOptions, act: Act, guarded: Guarded = {}): Promise<Ledgered> {
  return append(options, checkedAct(act), guarded);
}

/**
 * Begins the ledger of a site: the author's key becomes its root, the key that whoever verifies it has to trust. Where it has
 * been begun with this key, that first entry. Rejects with LEDGER_INVALID when it was begun with another.
 */
export async function beginLedger(options: LedgerOptions): Promise<LedgerEntry> {
  const { group, author, clock } = options;
  const { name, key } = author;
  const details = authorDetails(name, key.publicKey);
  const entry = signEntry(
    { sequence: 1, atMs: clock.wallMs(), author: name, act: GENESIS, details, previousHash: NO_HASH },
    key,
  );
  const { succeeded, results } = await group.transaction({
    compare: [{ key: HEAD_KEY, target: 'version', op: '=', value: 0 }],
    success: [...chainPuts(entry), { op: 'put', key: authorKey(name), value: key.publicKey }],
    failure: [{ op: 'get', range: { key: entryKey(1) } }],
  });
  if (succeeded) return entry;
  const first = entryIn(foundAt(results, 0));
  const root = authorDetailsSchema.safeParse(first?.details);
  if (first !== undefined && root.data?.publicKey === key.publicKey) return first;
  throw new LatticeError('LEDGER_INVALID', 'The ledger of this site was begun with another root key.');
}

/** Introduces an author, or gives one a new key. */
export async function addLedgerAuthor(options: LedgerOptions, author: string, publicKey: string): Promise<Ledgered> {
  const details = authorDetails(author, publicKey);
  const put: Operation = { op: 'put', key: authorKey(author), value: publicKey };
  return append(options, { act: ADD_AUTHOR, details }, { operations: [put] });
}

/**
 * From here on entries by the author are refused, and bad where they turn up; those before stay good. Does not succeed
 * for somebody who is no author.
 */
export function revokeLedgerAuthor(options: LedgerOptions, author: string): Promise<Ledgered> {
  const key = authorKey(author);
  const guarded: Guarded = {
    compare: [{ key, target: 'version', op: '>', value: 0 }],
    operations: [{ op: 'delete', range: { key } }],
  };
  return append(options, { act: REVOKE_AUTHOR, details: { author } }, guarded);
}

async function append(options: LedgerOptions, act: Act, guarded: Guarded): Promise<Ledgered> {
  const { group, clock, author, appendTimeoutMs = APPEND_TIMEOUT_MS } = options;
  const { compare = [], operations = [] } = guarded;
  const deadlineMs = clock.monotonicMs() + appendTimeoutMs;
  let head = await group.get(HEAD_KEY, { timeoutMs: appendTimeoutMs });
  for (;;) {
    const entry = nextEntry(head, act, author, clock);
    const transaction: Transaction = {
      compare: [headComparison(head), authorComparison(author), ...unlocked([HEAD_KEY]), ...compare],
      success: [...chainPuts(entry), ...operations],
      failure: [HEAD_KEY, authorKey(author.name), entryKey(entry.sequence), lockKey(HEAD_KEY)].map(
        (key): Operation => ({ op: 'get', range: { key } }),
      ),
    };
    const { result, mayBeDone } = await untilAnswered(group, transaction, clock, deadlineMs);
    const { succeeded, results, revision } = result;
    const ownResults = results.slice(chainPuts(entry).length);
    if (succeeded) return { succeeded, entry, revision, results: ownResults };
    // A request whose answer was lost may have been carried out: then it is our entry that stands there.
    const standing = foundAt(results, 2);
    if (mayBeDone && entryIn(standing)?.hash === entry.hash) {
      return { succeeded: true, entry, revision: standing!.modRevision, results: [] };
    }
    if (foundAt(results, 1)?.value !== author.key.publicKey) {
      throw new LatticeError('COORDINATION_REJECTED', `${author.name} is no author of this ledger with that key.`);
    }
    const headNow = foundAt(results, 0);
    const isHeld = foundAt(results, 3) !== undefined;
    if (headNow?.modRevision === head?.modRevision && !isHeld) return { succeeded: false };
    if (clock.monotonicMs() >= deadlineMs) {
      throw new LatticeError('COORDINATION_TIMEOUT', 'Others were first all the time; nothing was entered.');
    }
    if (isHeld) await delay(clock, HELD_RETRY_MS);
    head = headNow;
  }
}

/** Asks again while answers are lost, which is safe: the head that it depends on is there once. */
async function untilAnswered(
  group: LedgerOptions['group'],
  transaction: Transaction,
  clock: Clock,
  deadlineMs: number,
): Promise<{ result: TransactionResult; mayBeDone: boolean }> {
  let mayBeDone = false;
  for (;;) {
    const leftMs = deadlineMs - clock.monotonicMs();
    try {
      const result = await group.transaction(transaction, {
        timeoutMs: Math.max(1, Math.min(REQUEST_TIMEOUT_MS, leftMs)),
      });
      return { result, mayBeDone };
    } catch (cause) {
      const isLost = codeOf(cause) === 'COORDINATION_TIMEOUT';
      if (isLost && leftMs > REQUEST_TIMEOUT_MS) {
        mayBeDone = true;
        continue;
      }
      if (!mayBeDone) throw cause;
      throw new LatticeError('COORDINATION_TIMEOUT', 'The entry may have been made.', { cause });
    }
  }
}

function authorDetails(author: string, publicKey: string): z.infer<typeof authorDetailsSchema> {
  const parsed = authorDetailsSchema.safeParse({ author, publicKey });
  if (parsed.success) return parsed.data;
  throw new LatticeError(
    'COORDINATION_REJECTED',
    'An author has a name of up to 200 characters and a key of 64 digits.',
  );
}
