import { z } from 'zod';
import { LatticeError } from '../../core/errors/index.ts';
import type { Coordinator, KeyValue, ReadOptions } from '../coordination/index.ts';
import { SHARDS_KEY } from './keys.ts';

const shardEpochSchema = z.object({
  /** 1 for the first, one more whenever the members change. */
  epoch: z.int().positive(),
  /** The gateways that the shards are divided among, sorted. */
  members: z.array(z.string()),
  /** Token of the leader that wrote it. */
  term: z.int().nonnegative(),
});
export type ShardEpoch = z.infer<typeof shardEpochSchema>;

/** Undefined before the first leader has written one. Rejects with COORDINATION_REJECTED when the key holds something else. */
export async function currentEpoch(
  group: Pick<Coordinator, 'get'>,
  options?: ReadOptions,
): Promise<ShardEpoch | undefined> {
  return epochIn(await group.get(SHARDS_KEY, options));
}

export function epochIn(found: KeyValue | undefined): ShardEpoch | undefined {
  if (found === undefined) return undefined;
  try {
    return shardEpochSchema.parse(JSON.parse(found.value));
  } catch (cause) {
    // To begin anew would give an epoch twice.
    throw new LatticeError('COORDINATION_REJECTED', `${SHARDS_KEY} does not hold an epoch.`, { cause });
  }
}
