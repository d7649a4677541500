import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { errnoOf, LatticeError, messageOf } from '../errors/index.ts';
import { writeFileAtomic } from '../files/index.ts';

/*
 * The numbers of brokers and gateways that a data folder was made with. Messages that were acknowledged wait in the folders
 * of single processes: in a gateway's buffer for the store, in a broker's session for the one gateway that it belongs to.
 * With other numbers some of those processes do not run any more, or gateways go to other brokers, and nobody would ever
 * come for what waits there. So the numbers of a folder stay unless somebody says that they should not.
 */
const countsSchema = z.strictObject({ brokers: z.int().min(1), gateways: z.int().min(1) });

export type MeshCounts = z.infer<typeof countsSchema>;

export const DEFAULT_COUNTS: MeshCounts = { brokers: 2, gateways: 3 };

/** The numbers of the mesh in this data folder; undefined before its first start. Throws CONFIG_UNREADABLE. */
export function readCounts(dataDir: string): MeshCounts | undefined {
  const path = countsPath(dataDir);
  try {
    return countsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw new LatticeError('CONFIG_UNREADABLE', `${path}: ${messageOf(cause)}`, { cause });
  }
}

export async function saveCounts(dataDir: string, { brokers, gateways }: MeshCounts): Promise<void> {
  await writeFileAtomic(countsPath(dataDir), `${JSON.stringify({ brokers, gateways }, null, 2)}\n`);
}

export interface WantedCounts {
  brokers?: number | undefined;
  gateways?: number | undefined;
  /** Takes other numbers than the folder's all the same. */
  forceLayout: boolean;
}

/** What to start with: what is wanted, or else the folder's own, or else the default. Throws REFUSED_FOR_SAFETY. */
export function settleCounts(dataDir: string, saved: MeshCounts | undefined, wanted: WantedCounts): MeshCounts {
  const { brokers, gateways } = saved ?? DEFAULT_COUNTS;
  const counts = { brokers: wanted.brokers ?? brokers, gateways: wanted.gateways ?? gateways };
  const isOther = counts.brokers !== brokers || counts.gateways !== gateways;
  if (saved === undefined || !isOther || wanted.forceLayout) return counts;
  throw new LatticeError(
    'REFUSED_FOR_SAFETY',
    `${dataDir} was made with --brokers ${brokers} --gateways ${gateways}; with --brokers ${counts.brokers} --gateways ${counts.gateways} readings that wait in it may never reach the store. ` +
      'Start with the old numbers, or with another --data folder, or add --force-layout to do it all the same.',
  );
}

function countsPath(dataDir: string): string {
  return join(dataDir, 'layout.json');
}
