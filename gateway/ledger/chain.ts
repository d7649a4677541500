import { z } from 'zod';
import { LatticeError } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { Compare, KeyValue, OperationResult } from '../coordination/types.ts';
import type { ChangeOperation } from '../transactions/index.ts';
import { canonicalJson } from './canonical-json.ts';
import {
  type Act,
  ADD_AUTHOR,
  actSchema,
  entrySchema,
  GENESIS,
  type LedgerEntry,
  REVOKE_AUTHOR,
  signEntry,
} from './entry.ts';
import { authorKey, entryKey, HEAD_KEY } from './keys.ts';
import type { SigningKey } from './signing-key.ts';

/*
 * The chain as the group keeps it: an entry per key, and a head that says which is the newest. An entry is written together
 * with the head, on the condition that the head is the one that it follows and that its author is one.
 */

export interface LedgerAuthor {
  name: string;
  key: SigningKey;
}

const headSchema = z.object({ sequence: z.number().int().positive(), hash: z.string() });

const DETAILS_BYTES_MAX = 64 * 1024;

/** The act as it is entered. Throws COORDINATION_REJECTED when it is malformed, too large, or about the ledger's authors. */
export function checkedAct(act: Act): Act {
  const parsed = actSchema.safeParse(act);
  if (!parsed.success) throw new LatticeError('COORDINATION_REJECTED', 'The act is no word with details in JSON.');
  const { act: word, details } = parsed.data;
  const bytes = Buffer.byteLength(canonicalJson(details));
  if (bytes > DETAILS_BYTES_MAX) {
    throw new LatticeError('COORDINATION_REJECTED', `The details take ${bytes} bytes, more than ${DETAILS_BYTES_MAX}.`);
  }
  if (word === GENESIS || word === ADD_AUTHOR || word === REVOKE_AUTHOR) {
    throw new LatticeError('COORDINATION_REJECTED', `The act ${word} is the ledger's own.`);
  }
  return parsed.data;
}

/** The entry that follows the head. Throws COORDINATION_REJECTED when there is no ledger, LEDGER_INVALID when the head is damaged. */
export function nextEntry(head: KeyValue | undefined, act: Act, author: LedgerAuthor, clock: Clock): LedgerEntry {
  if (head === undefined) {
    throw new LatticeError('COORDINATION_REJECTED', 'The ledger of this site has not been begun.');
  }
  const { sequence, hash } = parsedAs(headSchema, head);
  return signEntry(
    { sequence: sequence + 1, atMs: clock.wallMs(), author: author.name, ...act, previousHash: hash },
    author.key,
  );
}

export function headComparison(head: KeyValue | undefined): Compare {
  return { key: HEAD_KEY, target: 'modRevision', op: '=', value: head?.modRevision ?? 0 };
}

export function authorComparison({ name, key }: LedgerAuthor): Compare {
  return { key: authorKey(name), target: 'value', op: '=', value: key.publicKey };
}

export function chainPuts(entry: LedgerEntry): Extract<ChangeOperation, { op: 'put' }>[] {
  const { sequence, hash } = entry;
  return [
    { op: 'put', key: entryKey(sequence), value: canonicalJson(entry) },
    { op: 'put', key: HEAD_KEY, value: JSON.stringify({ sequence, hash }) },
  ];
}

export function entryIn(found: KeyValue | undefined): LedgerEntry | undefined {
  return found && parsedAs(entrySchema, found);
}

export function foundAt(results: OperationResult[], index: number): KeyValue | undefined {
  const got = results[index];
  return got?.op === 'get' ? got.keyValues[0] : undefined;
}

function parsedAs<T>(schema: z.ZodType<T>, { key, value }: KeyValue): T {
  try {
    return schema.parse(JSON.parse(value));
  } catch (cause) {
    throw new LatticeError('LEDGER_INVALID', `${key} is not what the ledger writes.`, { cause });
  }
}
