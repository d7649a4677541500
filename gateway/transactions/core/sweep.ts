import { z } from 'zod';
import type { KeyValue } from '../../coordination/types.ts';
import { decisionKey, doneKey, preparedKey, registerKey } from './keys.ts';
import { outcomeRecordSchema, type Prepared, preparedSchema, registerSchema } from './records.ts';

/** When this sweeper saw a key for the first time, in monotonic ms: clocks of different sites are never compared. */
export type Seen = ReadonlyMap<string, number>;

export interface SweepWork {
  seen: Seen;
  /** Prepared here, and not decided for longer than its coordinator said it would take. */
  recover: { id: string; prepared: Prepared }[];
  /** Ended here so long ago that no request about it can be on its way any more. */
  forget: { id: string; participants: string[]; keys: string[] }[];
  /** Keys whose values are no records of ours. */
  damaged: string[];
}

const remnantSchema = z.union([outcomeRecordSchema, registerSchema]);
const REMNANTS = [decisionKey(''), doneKey(''), registerKey('')];

/** What is due among the records of one site; a key under another prefix is left alone. */
export function sweep(seen: Seen, keyValues: KeyValue[], nowMs: number, retainMs: number): SweepWork {
  const present = new Map(keyValues.map(({ key }) => [key, seen.get(key) ?? nowMs]));
  const work: SweepWork = { seen: present, recover: [], forget: [], damaged: [] };
  const forget = new Map<string, SweepWork['forget'][number]>();
  for (const { key, value } of keyValues) {
    const ageMs = nowMs - present.get(key)!;
    const id = idIn(key, preparedKey(''));
    if (id !== undefined) {
      const prepared = parsed(preparedSchema, value);
      if (prepared === undefined) work.damaged.push(key);
      else if (ageMs >= prepared.decideWithinMs) work.recover.push({ id, prepared });
      continue;
    }
    const ended = REMNANTS.map((prefix) => idIn(key, prefix)).find((one) => one !== undefined);
    if (ended === undefined || ageMs < retainMs || present.has(preparedKey(ended))) continue;
    const participants = parsed(remnantSchema, value)?.participants;
    if (participants === undefined) work.damaged.push(key);
    else forget.set(ended, { id: ended, participants, keys: [...(forget.get(ended)?.keys ?? []), key] });
  }
  work.forget.push(...forget.values());
  return work;
}

function idIn(key: string, prefix: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

function parsed<T>(schema: z.ZodType<T>, value: string): T | undefined {
  try {
    return schema.parse(JSON.parse(value));
  } catch {
    return undefined;
  }
}
