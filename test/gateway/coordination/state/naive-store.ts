import type { Command, CommandResult } from '../../../../gateway/coordination/state/index.ts';
import type {
  Compare,
  KeyRange,
  KeyValue,
  Operation,
  OperationResult,
  WatchEvent,
} from '../../../../gateway/coordination/types.ts';

type Keys = ReadonlyMap<string, KeyValue>;

const ERROR_OF = (code: string) => ({ type: 'error', code }) as const;

/**
 * The store as a person would explain it: the whole of the keys at every revision, each a copy. What the real one does is
 * compared with this. An error is only its code.
 */
export class NaiveStore {
  /** At index n, the keys at revision n. The first two are empty. */
  readonly states: Keys[] = [new Map(), new Map()];
  compactedRevision = 0;
  readonly leases = new Map<string, number>();

  get revision(): number {
    return this.states.length - 1;
  }

  apply(command: Command): Exclude<CommandResult, { type: 'error' }> | { type: 'error'; code: string } {
    switch (command.type) {
      case 'put': {
        const { key, value, leaseId = '' } = command;
        return this.#transaction([], [{ op: 'put', key, value, leaseId }], []);
      }
      case 'delete':
        return this.#transaction([], [{ op: 'delete', range: command.range }], []);
      case 'transaction':
        return this.#transaction(command.compare, command.success, command.failure);
      case 'lease-grant':
        if (this.leases.has(command.leaseId)) return ERROR_OF('COORDINATION_REJECTED');
        this.leases.set(command.leaseId, command.ttlMs);
        return {
          type: 'lease-grant',
          lease: { id: command.leaseId, ttlMs: command.ttlMs },
          revision: this.revision,
        };
      case 'lease-renew': {
        const ttlMs = this.leases.get(command.leaseId);
        if (ttlMs === undefined) return ERROR_OF('LEASE_NOT_FOUND');
        return { type: 'lease-renew', lease: { id: command.leaseId, ttlMs }, revision: this.revision };
      }
      case 'lease-revoke': {
        if (!this.leases.delete(command.leaseId)) return ERROR_OF('LEASE_NOT_FOUND');
        const left = [...this.keys()].filter(([, { leaseId }]) => leaseId !== command.leaseId);
        if (left.length < this.keys().size) this.states.push(new Map(left));
        return { type: 'lease-revoke', leaseId: command.leaseId, revision: this.revision };
      }
      case 'compact':
        if (command.revision > this.revision) return ERROR_OF('REVISION_IN_FUTURE');
        if (command.revision <= this.compactedRevision) return ERROR_OF('REVISION_COMPACTED');
        this.compactedRevision = command.revision;
        return { type: 'compact', revision: this.revision };
      case 'noop':
        return { type: 'noop', revision: this.revision };
    }
  }

  keys(revision = this.revision): Keys {
    return this.states[revision]!;
  }

  range(range: KeyRange, revision = this.revision): KeyValue[] {
    return inRange(this.keys(revision), range);
  }

  /** What changed between the two states, in no order that means anything. */
  eventsAt(revision: number): WatchEvent[] {
    const before = this.keys(revision - 1);
    const after = this.keys(revision);
    const events: WatchEvent[] = [];
    for (const [key, previous] of before) {
      if (!after.has(key)) events.push({ type: 'delete', key, revision, previous });
    }
    for (const [key, keyValue] of after) {
      const previous = before.get(key);
      if (keyValue.modRevision === revision) {
        events.push({ type: 'put', keyValue, ...(previous ? { previous } : {}) });
      }
    }
    return events;
  }

  #transaction(compare: Compare[], success: Operation[], failure: Operation[]): ReturnType<NaiveStore['apply']> {
    if (changesTwice(success) || changesTwice(failure)) return ERROR_OF('COORDINATION_REJECTED');
    const succeeded = compare.every((one) => this.#holds(one));
    const branch = succeeded ? success : failure;
    for (const operation of branch) {
      if (operation.op === 'put' && operation.leaseId && !this.leases.has(operation.leaseId)) {
        return ERROR_OF('LEASE_NOT_FOUND');
      }
    }
    const next = new Map(this.keys());
    let changed = false;
    const results = branch.map((operation): OperationResult => {
      if (operation.op === 'get') {
        const found = inRange(next, operation.range);
        const { limit = found.length } = operation;
        return { op: 'get', keyValues: found.slice(0, limit), hasMore: found.length > limit };
      }
      if (operation.op === 'delete') {
        const deleted = inRange(next, operation.range);
        for (const { key } of deleted) next.delete(key);
        changed ||= deleted.length > 0;
        return { op: 'delete', deleted };
      }
      changed = true;
      const { key, value, leaseId = '' } = operation;
      const previous = next.get(key);
      const modRevision = this.revision + 1;
      const createRevision = previous?.createRevision ?? modRevision;
      next.set(key, { key, value, leaseId, modRevision, createRevision, version: (previous?.version ?? 0) + 1 });
      return previous ? { op: 'put', previous } : { op: 'put' };
    });
    if (changed) this.states.push(next);
    return { type: 'transaction', succeeded, revision: this.revision, results };
  }

  #holds({ key, target, op, value }: Compare): boolean {
    const absent = { version: 0, createRevision: 0, modRevision: 0, value: '', leaseId: '' };
    if (target === 'value' && !this.keys().has(key)) return false;
    const actual = (this.keys().get(key) ?? absent)[target];
    const difference =
      typeof actual === 'number'
        ? actual - Number(value)
        : Buffer.compare(Buffer.from(actual), Buffer.from(`${value}`));
    return { '=': difference === 0, '!=': difference !== 0, '<': difference < 0, '>': difference > 0 }[op];
  }
}

export function inRange(keys: Keys, range: KeyRange): KeyValue[] {
  const bytes = (text: string) => Buffer.from(text);
  return [...keys.values()]
    .filter(({ key }) => {
      if ('key' in range) return key === range.key;
      if ('prefix' in range) return bytes(key).subarray(0, bytes(range.prefix).length).equals(bytes(range.prefix));
      return bytes(key).compare(bytes(range.from)) >= 0 && bytes(key).compare(bytes(range.to)) < 0;
    })
    .sort((a, b) => bytes(a.key).compare(bytes(b.key)));
}

function changesTwice(operations: Operation[]): boolean {
  const puts = operations.flatMap((operation) => (operation.op === 'put' ? [operation.key] : []));
  const deletes = operations.flatMap((operation) => (operation.op === 'delete' ? [operation.range] : []));
  const absent = { value: '', createRevision: 0, modRevision: 0, version: 0, leaseId: '' };
  const put = new Map(puts.map((key) => [key, { key, ...absent }]));
  return put.size < puts.length || deletes.some((range) => inRange(put, range).length > 0);
}
