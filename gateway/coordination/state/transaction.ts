import { LatticeError } from '../../../core/errors/index.ts';
import type { Compare, CompareOp, KeyRange, Operation, OperationResult, Transaction } from '../types.ts';
import { changeBytes } from './key-history.ts';
import { compareKeys, rangeIncludes } from './keys.ts';
import type { LeaseTable } from './leases.ts';
import type { StateLimits } from './limits.ts';
import type { MvccStore } from './store.ts';

/**
 * Carries a transaction out; the caller commits the store. Everything that can be wrong with it is found before the first
 * change: then it throws COORDINATION_REJECTED or LEASE_NOT_FOUND and has changed nothing.
 */
export function applyTransaction(
  transaction: Transaction,
  store: MvccStore,
  leases: LeaseTable,
  limits: StateLimits,
): { succeeded: boolean; results: OperationResult[] } {
  checkShape(transaction, limits);
  const succeeded = transaction.compare.every((compare) => holds(compare, store));
  const operations = succeeded ? transaction.success : transaction.failure;
  checkRoom(operations, store, limits);
  for (const operation of operations) {
    if (operation.op === 'put' && operation.leaseId) leases.require(operation.leaseId);
  }
  return { succeeded, results: operations.map((operation) => carryOut(operation, store)) };
}

function carryOut(operation: Operation, store: MvccStore): OperationResult {
  switch (operation.op) {
    case 'put': {
      const previous = store.put(operation.key, operation.value, operation.leaseId ?? '');
      return previous ? { op: 'put', previous } : { op: 'put' };
    }
    case 'delete':
      return { op: 'delete', deleted: store.delete(operation.range) };
    case 'get':
      return { op: 'get', ...store.range(operation.range, operation.limit ? { limit: operation.limit } : {}) };
  }
}

/** A key that is not there compares as etcd's: numbers of 0, no lease, and no value that anything could hold of. */
function holds(compare: Compare, store: MvccStore): boolean {
  const keyValue = store.get(compare.key);
  switch (compare.target) {
    case 'version':
    case 'createRevision':
    case 'modRevision':
      return ordered((keyValue?.[compare.target] ?? 0) - compare.value, compare.op);
    case 'value':
      return keyValue !== undefined && ordered(compareKeys(keyValue.value, compare.value), compare.op);
    case 'leaseId':
      return ((keyValue?.leaseId ?? '') === compare.value) === (compare.op === '=');
  }
}

function ordered(difference: number, op: CompareOp): boolean {
  switch (op) {
    case '=':
      return difference === 0;
    case '!=':
      return difference !== 0;
    case '<':
      return difference < 0;
    case '>':
      return difference > 0;
  }
}

/** What can be told from the transaction alone, of both branches: as etcd, which refuses it whatever the comparisons say. */
function checkShape({ compare, success, failure }: Transaction, limits: StateLimits): void {
  const { operationsMax } = limits;
  if (Math.max(compare.length, success.length, failure.length) > operationsMax) {
    throw rejected(`A transaction has more than ${operationsMax} comparisons or operations in a branch.`);
  }
  for (const { key } of compare) checkKey(key, limits);
  checkBranch(success, limits);
  checkBranch(failure, limits);
}

function checkBranch(operations: readonly Operation[], limits: StateLimits): void {
  for (const operation of operations) {
    if (operation.op === 'put') {
      checkKey(operation.key, limits);
      checkText(operation.value, limits.valueBytesMax, 'value');
    } else {
      checkRange(operation.range, limits);
    }
  }
  if (operations.length > 1) checkKeysChangedOnce(operations);
}

function checkKeysChangedOnce(operations: readonly Operation[]): void {
  const put = new Set<string>();
  const deleted: KeyRange[] = [];
  for (const operation of operations) {
    if (operation.op === 'put') {
      if (put.has(operation.key)) throw rejected(`A transaction puts the key ${shown(operation.key)} twice.`);
      put.add(operation.key);
    } else if (operation.op === 'delete') {
      deleted.push(operation.range);
    }
  }
  for (const range of deleted) {
    for (const key of put) {
      if (rangeIncludes(range, key)) throw rejected(`A transaction puts and deletes the key ${shown(key)}.`);
    }
  }
}

function checkRoom(operations: readonly Operation[], store: MvccStore, limits: StateLimits): void {
  let { keys, bytes } = store;
  const mayBeFull = keys + operations.length > limits.keysMax;
  for (const operation of operations) {
    if (operation.op !== 'put') continue;
    bytes += changeBytes(operation.key, operation.value);
    if (mayBeFull && store.get(operation.key) === undefined) keys++;
    if (keys > limits.keysMax) throw rejected(`The store is full: it has ${limits.keysMax} keys.`);
    if (bytes > limits.storeBytesMax) {
      throw rejected(`The store is full: ${limits.storeBytesMax} bytes. Delete keys and compact the history.`);
    }
  }
}

/** Throws COORDINATION_REJECTED for a range that no key could be in, and for text that UTF-8 cannot carry. */
export function checkRange(range: KeyRange, limits: StateLimits): void {
  if ('key' in range) {
    checkKey(range.key, limits);
  } else if ('prefix' in range) {
    checkText(range.prefix, limits.keyBytesMax, 'prefix');
  } else {
    checkText(range.from, limits.keyBytesMax, 'range');
    checkText(range.to, limits.keyBytesMax, 'range');
  }
}

function checkKey(key: string, limits: StateLimits): void {
  if (key === '') throw rejected('A key is empty.');
  checkText(key, limits.keyBytesMax, 'key');
}

function checkText(text: string, bytesMax: number, what: string): void {
  if (!text.isWellFormed()) throw rejected(`A ${what} is no Unicode text: it has half of a surrogate pair.`);
  if (Buffer.byteLength(text) > bytesMax) throw rejected(`A ${what} is longer than ${bytesMax} bytes.`);
}

function shown(key: string): string {
  return JSON.stringify(key.slice(0, 64));
}

function rejected(detail: string): LatticeError {
  return new LatticeError('COORDINATION_REJECTED', detail);
}
