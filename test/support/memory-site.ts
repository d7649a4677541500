import type {
  Compare,
  Coordinator,
  KeyRange,
  KeyValue,
  Operation,
  OperationResult,
  Transaction,
  TransactionResult,
} from '../../gateway/coordination/types.ts';

/** The keys of one site's group, in memory, by the words of the port; no leases, watches or history. */
export class MemorySite {
  readonly keys = new Map<string, KeyValue>();
  revision = 1;
  /** Every put, in order. */
  readonly puts: { key: string; value: string }[] = [];

  transact({ compare, success, failure }: Transaction): TransactionResult {
    const succeeded = compare.every((one) => holds(one, this.keys.get(one.key)));
    const operations = succeeded ? success : failure;
    if (operations.some(({ op }) => op !== 'get')) this.revision++;
    return { succeeded, results: operations.map((one) => this.#apply(one)), revision: this.revision };
  }

  range(range: KeyRange): KeyValue[] {
    const found = [...this.keys.values()].filter(({ key }) => isIn(range, key));
    return found.sort((one, other) => Buffer.compare(Buffer.from(one.key), Buffer.from(other.key)));
  }

  #apply(operation: Operation): OperationResult {
    if (operation.op === 'get') {
      const all = this.range(operation.range);
      const keyValues = all.slice(0, operation.limit ?? all.length);
      return { op: 'get', keyValues, hasMore: keyValues.length < all.length };
    }
    if (operation.op === 'delete') {
      const deleted = this.range(operation.range);
      for (const { key } of deleted) this.keys.delete(key);
      return { op: 'delete', deleted };
    }
    const { key, value } = operation;
    const previous = this.keys.get(key);
    this.puts.push({ key, value });
    this.keys.set(key, {
      key,
      value,
      createRevision: previous?.createRevision ?? this.revision,
      modRevision: this.revision,
      version: (previous?.version ?? 0) + 1,
      leaseId: '',
    });
    return { op: 'put', ...(previous && { previous }) };
  }
}

/** The site as a Coordinator. `before` may throw, or wait, in front of every call. */
export function memoryCoordinator(
  site: MemorySite,
  before: () => void | Promise<void> = () => undefined,
): Pick<Coordinator, 'get' | 'range' | 'transaction'> {
  return {
    async get(key) {
      await before();
      return site.keys.get(key);
    },
    async range(range, options) {
      await before();
      const all = site.range(range);
      const keyValues = all.slice(0, options?.limit ?? all.length);
      return { keyValues, revision: site.revision, hasMore: keyValues.length < all.length };
    },
    async transaction(transaction) {
      await before();
      return site.transact(transaction);
    },
  };
}

function holds(compare: Compare, keyValue: KeyValue | undefined): boolean {
  const had = keyValue?.[compare.target] ?? (typeof compare.value === 'number' ? 0 : '');
  if (compare.op === '=') return had === compare.value;
  if (compare.op === '!=') return had !== compare.value;
  return compare.op === '<' ? had < compare.value : had > compare.value;
}

function isIn(range: KeyRange, key: string): boolean {
  if ('key' in range) return key === range.key;
  if ('prefix' in range) return key.startsWith(range.prefix);
  return key >= range.from && key < range.to;
}
