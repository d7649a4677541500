import type { IEvent, IKeyValue } from 'etcd3';
import { LatticeError } from '../../../../core/errors/index.ts';
import type { KeyRange, KeyValue, WatchEvent } from '../../types.ts';

/** Range of etcd: from key to before range_end by bytes; without range_end the key alone. */
export interface EtcdRange {
  key: Buffer;
  range_end?: Buffer;
}

/** Our keys inside etcd's: each has the prefix before it, and no range reaches beyond the prefix. */
export class KeySpace {
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** Throws COORDINATION_REJECTED for the empty key, as etcd does for its own. */
  key(key: string): Buffer {
    if (key === '') throw new LatticeError('COORDINATION_REJECTED', 'A key has at least one character.');
    return this.#bytes(key);
  }

  range(range: KeyRange): EtcdRange {
    if ('key' in range) return { key: this.key(range.key) };
    if ('prefix' in range) {
      const key = this.#bytes(range.prefix);
      return { key, range_end: endOfPrefix(key) };
    }
    return { key: this.#bytes(range.from), range_end: this.#bytes(range.to) };
  }

  keyValue(kv: IKeyValue): KeyValue {
    return {
      key: this.#ours(kv.key),
      value: kv.value.toString(),
      createRevision: Number(kv.create_revision),
      modRevision: Number(kv.mod_revision),
      version: Number(kv.version),
      leaseId: fromEtcdLease(kv.lease),
    };
  }

  event(event: IEvent): WatchEvent {
    const previous = event.prev_kv ? { previous: this.keyValue(event.prev_kv) } : {};
    return event.type === 'Delete'
      ? { type: 'delete', key: this.#ours(event.kv.key), revision: Number(event.kv.mod_revision), ...previous }
      : { type: 'put', keyValue: this.keyValue(event.kv), ...previous };
  }

  #bytes(key: string): Buffer {
    return encodeText(this.#prefix + key);
  }

  #ours(key: Buffer): string {
    return key.toString().slice(this.#prefix.length);
  }
}

/** In UTF-8. Throws COORDINATION_REJECTED for half of a surrogate pair, which would come back as another character. */
export function encodeText(text: string): Buffer {
  if (!text.isWellFormed()) {
    throw new LatticeError('COORDINATION_REJECTED', 'The text has half of a surrogate pair.');
  }
  return Buffer.from(text);
}

/**
 * The first key after all that begin with the prefix: its last byte plus one. UTF-8 has no byte 0xff, so that there is always
 * a byte to add to.
 */
function endOfPrefix(prefix: Buffer): Buffer {
  const end = Buffer.from(prefix);
  end[end.length - 1] = end.at(-1)! + 1;
  return end;
}

/** etcd writes its leases as int64, and 0 for none. */
export function fromEtcdLease(lease: string): string {
  return lease === '0' ? '' : lease;
}

const INT64_MAX = 2n ** 63n - 1n;

/** Throws LEASE_NOT_FOUND for what cannot be a lease of etcd. */
export function toEtcdLease(leaseId: string): string {
  if (!/^[1-9]\d{0,18}$/.test(leaseId) || BigInt(leaseId) > INT64_MAX) {
    throw new LatticeError('LEASE_NOT_FOUND', `There is no lease '${leaseId}'.`);
  }
  return leaseId;
}
