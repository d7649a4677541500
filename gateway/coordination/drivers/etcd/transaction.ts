import type { ICompare, IRequestOp, IResponseOp } from 'etcd3';
import type { Compare, CompareOp, Operation, OperationResult } from '../../types.ts';
import { encodeText, type KeySpace, toEtcdLease } from './key-space.ts';

const RESULTS = { '=': 'Equal', '!=': 'NotEqual', '<': 'Less', '>': 'Greater' } as const satisfies Record<
  CompareOp,
  NonNullable<ICompare['result']>
>;

export function encodeCompare(compare: Compare, keys: KeySpace): ICompare {
  const base = { key: keys.key(compare.key), result: RESULTS[compare.op] };
  switch (compare.target) {
    case 'version':
      return { ...base, target: 'Version', version: compare.value };
    case 'createRevision':
      return { ...base, target: 'Create', create_revision: compare.value };
    case 'modRevision':
      return { ...base, target: 'Mod', mod_revision: compare.value };
    case 'value':
      return { ...base, target: 'Value', value: encodeText(compare.value) };
    case 'leaseId':
      return { ...base, target: 'Lease', lease: compare.value === '' ? '0' : toEtcdLease(compare.value) };
  }
}

export function encodeOperation(operation: Operation, keys: KeySpace): IRequestOp {
  switch (operation.op) {
    case 'put':
      return {
        request_put: {
          key: keys.key(operation.key),
          value: encodeText(operation.value),
          prev_kv: true,
          ...(operation.leaseId ? { lease: toEtcdLease(operation.leaseId) } : {}),
        },
      };
    case 'delete':
      return { request_delete_range: { ...keys.range(operation.range), prev_kv: true } };
    case 'get':
      return { request_range: { ...keys.range(operation.range), limit: operation.limit ?? 0 } };
  }
}

/** Answers come in the order of the operations, each of its kind. */
export function decodeResult(operation: Operation, response: IResponseOp, keys: KeySpace): OperationResult {
  switch (operation.op) {
    case 'put': {
      const previous = response.response_put.prev_kv;
      return { op: 'put', ...(previous ? { previous: keys.keyValue(previous) } : {}) };
    }
    case 'delete': {
      const { prev_kvs } = response.response_delete_range;
      return { op: 'delete', deleted: prev_kvs.map((kv) => keys.keyValue(kv)) };
    }
    case 'get': {
      const { kvs, more } = response.response_range;
      return { op: 'get', keyValues: kvs.map((kv) => keys.keyValue(kv)), hasMore: more };
    }
  }
}
