import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { errnoOf, LatticeError, messageOf } from '../errors/index.ts';
import { writeFileAtomic } from '../files/index.ts';

/** Where a running mesh can be reached, and with which account: what `lattice up --json` prints when it is ready. */
export const endpointsSchema = z.object({
  ready: z.literal(true),
  brokers: z.array(
    z.object({
      id: z.string(),
      host: z.string(),
      port: z.int(),
      wsPort: z.int(),
      /** /metrics and /health; a folder of an older version does not have it. */
      http: z.string().optional(),
      pid: z.int(),
    }),
  ),
  gateways: z.array(z.object({ id: z.string(), http: z.string(), pid: z.int() })),
  store: z.object({ url: z.string(), db: z.string(), pid: z.int() }),
  console: z.string(),
  username: z.string(),
  password: z.string(),
  site: z.string(),
  dataDir: z.string(),
});

export type Endpoints = z.infer<typeof endpointsSchema>;

function endpointsPath(dataDir: string): string {
  return join(dataDir, 'mesh.json');
}

/** Saves the endpoints for the other commands, readable by the owner alone. */
export async function saveEndpoints(dataDir: string, endpoints: Endpoints): Promise<void> {
  await writeFileAtomic(endpointsPath(dataDir), `${JSON.stringify(endpoints, null, 2)}\n`);
}

/** The endpoints of the mesh in a data folder. Throws UNREACHABLE when no mesh has run there, CONFIG_UNREADABLE. */
export function loadEndpoints(dataDir: string): Endpoints {
  try {
    return endpointsSchema.parse(JSON.parse(readFileSync(endpointsPath(dataDir), 'utf8')));
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') {
      throw new LatticeError('UNREACHABLE', `No mesh has run in ${dataDir}.`, { cause });
    }
    throw new LatticeError('CONFIG_UNREADABLE', `${endpointsPath(dataDir)}: ${messageOf(cause)}.`, { cause });
  }
}
