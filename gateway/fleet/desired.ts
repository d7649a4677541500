import { z } from 'zod';
import { LatticeError } from '../../core/errors/index.ts';
import { isMeshName } from '../../core/wire/index.ts';
import type { Compare, KeyValue } from '../coordination/index.ts';
import type { ChangeOperation } from '../transactions/index.ts';
import { desiredKey } from './keys.ts';

const meshName = z.string().refine(isMeshName, '1 to 64 letters, digits, dots, dashes or underscores');
const settingsSchema = z.record(z.string(), z.json());

/** The settings that a device is to have, whole: what is not named is not set. */
export const desiredChangeSchema = z.object({ site: meshName, device: meshName, settings: settingsSchema });
export type DesiredChange = z.infer<typeof desiredChangeSchema>;
export type Settings = DesiredChange['settings'];

/** How a device is to be. */
const desiredSchema = z.object({
  /** 1 for the first, one more with each change. */
  version: z.int().positive(),
  settings: settingsSchema,
});
export type Desired = z.infer<typeof desiredSchema>;

/** Word of the ledger for a change of desired states. */
export const SET_DESIRED = 'fleet.desired.set';

/** Undefined when there is none, or none that this version can read. */
export function desiredIn(found: KeyValue | undefined): Desired | undefined {
  if (found === undefined) return undefined;
  try {
    return desiredSchema.safeParse(JSON.parse(found.value)).data;
  } catch {
    return undefined;
  }
}

/** What follows on the state that was found, and is to be made only while it is still there. */
export function succession(
  { site, device, settings }: DesiredChange,
  found: KeyValue | undefined,
): { desired: Desired; compare: Compare; operation: Extract<ChangeOperation, { op: 'put' }> } {
  const key = desiredKey(site, device);
  const desired = { version: (desiredIn(found)?.version ?? 0) + 1, settings };
  return {
    desired,
    compare: { key, target: 'modRevision', op: '=', value: found?.modRevision ?? 0 },
    operation: { op: 'put', key, value: JSON.stringify(desired) },
  };
}

/** Throws COORDINATION_REJECTED. How large the settings may be is the ledger's to say. */
export function checkChange(change: DesiredChange): void {
  const { success, error } = desiredChangeSchema.safeParse(change);
  if (!success) throw new LatticeError('COORDINATION_REJECTED', z.prettifyError(error));
}
