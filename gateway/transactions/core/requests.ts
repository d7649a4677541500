import type { Compare, KeyValue, Operation, Transaction, TransactionResult } from '../../coordination/types.ts';
import { decisionKey, doneKey, lockKey, preparedKey } from './keys.ts';
import {
  type Ballot,
  type Outcome,
  type OutcomeRecord,
  outcomeRecordSchema,
  type Prepared,
  preparedSchema,
} from './records.ts';

/*
 * The conditional transactions that a site's group carries out for a change over several sites, and what their results
 * mean. Each can be sent again after a time-out, and can arrive late: a second time it changes nothing and says the same.
 */

export interface Ask {
  site: string;
  purpose: 'prepare' | 'decide' | 'promise' | 'accept' | 'read' | 'settle' | 'close';
  transaction: Transaction;
  /** 0 goes out at once; more wait longer, so that rivals get out of each other's way. */
  attempt: number;
  /** Of an ask to an acceptor of Paxos. */
  ballot?: Ballot;
}

export const isAbsent = (key: string): Compare => ({ key, target: 'version', op: '=', value: 0 });
export const isPresent = (key: string): Compare => ({ key, target: 'version', op: '>', value: 0 });
export const getOf = (key: string): Operation => ({ op: 'get', range: { key } });
const deleteOf = (key: string): Operation => ({ op: 'delete', range: { key } });

/** The key that the get at this place of the transaction's branch has found. */
export function foundAt(result: TransactionResult, index: number): KeyValue | undefined {
  const got = result.results[index];
  return got?.op === 'get' ? got.keyValues[0] : undefined;
}

/** Votes yes when the comparisons hold and no other transaction holds a key: writes the record and the locks. */
export function prepareAsk(id: string, site: string, prepared: Prepared, compare: Compare[]): Ask {
  const locks = prepared.lockedKeys.map(lockKey);
  return {
    site,
    purpose: 'prepare',
    attempt: 0,
    transaction: {
      compare: [...compare, ...locks.map(isAbsent), isAbsent(preparedKey(id)), isAbsent(doneKey(id))],
      success: [
        { op: 'put', key: preparedKey(id), value: JSON.stringify(prepared) },
        ...locks.map((key): Operation => ({ op: 'put', key, value: id })),
      ],
      failure: [getOf(preparedKey(id)), getOf(doneKey(id)), ...locks.map(getOf)],
    },
  };
}

/** Undefined is a yes; else why the site votes no. */
export function refusalOf(prepared: Prepared, result: TransactionResult): string | undefined {
  if (result.succeeded || foundAt(result, 0) !== undefined) return undefined;
  if (foundAt(result, 1) !== undefined) return 'the transaction has been settled there already';
  const locked = prepared.lockedKeys.findIndex((_, index) => foundAt(result, index + 2) !== undefined);
  if (locked === -1) return 'a comparison does not hold';
  return `${prepared.lockedKeys[locked]} is held by transaction ${foundAt(result, locked + 2)?.value}`;
}

/**
 * Writes the decision unless there is one. A commit needs the coordinator's site to be prepared still: when the abort has
 * been decided, carried out and forgotten, a coordinator that wakes up late must not find the place empty.
 */
export function decideAsk(id: string, coordinator: string, record: OutcomeRecord): Ask {
  const guard = record.outcome === 'commit' ? [isPresent(preparedKey(id))] : [];
  return {
    site: coordinator,
    purpose: 'decide',
    attempt: 0,
    transaction: {
      compare: [isAbsent(decisionKey(id)), ...guard],
      success: [{ op: 'put', key: decisionKey(id), value: JSON.stringify(record) }],
      failure: [getOf(decisionKey(id))],
    },
  };
}

export function decidedBy(result: TransactionResult, proposed: Outcome): Outcome {
  if (result.succeeded) return proposed;
  return outcomeIn(foundAt(result, 0)) ?? 'abort';
}

/** Reads what the site has prepared. */
export function readAsk(id: string, site: string): Ask {
  const transaction = { compare: [], success: [getOf(preparedKey(id))], failure: [] };
  return { site, purpose: 'read', attempt: 0, transaction };
}

export function preparedIn(result: TransactionResult): Prepared | undefined {
  const found = foundAt(result, 0);
  return found === undefined ? undefined : preparedSchema.parse(JSON.parse(found.value));
}

/** Carries out the decision where the site is prepared, and gives back its locks; else as closeAsk. */
export function settleAsk(id: string, site: string, prepared: Prepared, record: OutcomeRecord): Ask {
  const operations = record.outcome === 'commit' ? prepared.operations : [];
  return {
    site,
    purpose: 'settle',
    attempt: 0,
    transaction: {
      compare: [isPresent(preparedKey(id))],
      success: [
        ...operations.map((one): Operation => (one.op === 'put' ? one : deleteOf(one.key))),
        ...prepared.lockedKeys.map((key) => deleteOf(lockKey(key))),
        deleteOf(preparedKey(id)),
        donePut(id, record),
      ],
      failure: notPreparedBranch(id, record),
    },
  };
}

/** Where nothing was prepared, an abort leaves its marker all the same, against a prepare that is still on its way. */
export function closeAsk(id: string, site: string, record: OutcomeRecord): Ask {
  return {
    site,
    purpose: 'close',
    attempt: 0,
    transaction: {
      compare: [isAbsent(preparedKey(id))],
      success: notPreparedBranch(id, record),
      failure: [getOf(preparedKey(id))],
    },
  };
}

function notPreparedBranch(id: string, record: OutcomeRecord): Operation[] {
  return [getOf(doneKey(id)), ...(record.outcome === 'abort' ? [donePut(id, record)] : [])];
}

function donePut(id: string, record: OutcomeRecord): Operation {
  return { op: 'put', key: doneKey(id), value: JSON.stringify(record) };
}

/** How a site that was not prepared had ended the transaction before; undefined when it does not know (any more). */
export function outcomeIn(found: KeyValue | undefined): Outcome | undefined {
  return found === undefined ? undefined : outcomeRecordSchema.parse(JSON.parse(found.value)).outcome;
}
