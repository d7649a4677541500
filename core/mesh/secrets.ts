import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { errnoOf, LatticeError, messageOf } from '../errors/index.ts';
import { writeFileAtomic } from '../files/index.ts';
import { generatePassword, hashPassword } from '../identity/index.ts';

const secretsSchema = z.object({
  /** The passwords of machines are derived from it. */
  siteKey: z.string().min(16),
  operator: z.object({ username: z.string(), password: z.string(), passwordHash: z.string() }),
  /** In the console's address, so that a click on it is enough. */
  consoleToken: z.string().min(16),
});

export type MeshSecrets = z.infer<typeof secretsSchema>;

/** The secrets of the mesh in this data folder; undefined before its first start. Throws CONFIG_UNREADABLE. */
export function readSecrets(dataDir: string): MeshSecrets | undefined {
  const path = secretsPath(dataDir);
  try {
    return secretsSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    // New secrets would lock out every device that holds the old ones, so they are never made over a damaged file.
    throw new LatticeError('CONFIG_UNREADABLE', `${path}: ${messageOf(cause)}`, { cause });
  }
}

/** The same; made on the first start, readable by the owner alone. */
export async function loadSecrets(dataDir: string): Promise<MeshSecrets> {
  const known = readSecrets(dataDir);
  if (known !== undefined) return known;
  const password = generatePassword();
  const secrets: MeshSecrets = {
    siteKey: `${generatePassword()}${generatePassword()}`,
    operator: { username: 'operator', password, passwordHash: await hashPassword(password) },
    consoleToken: generatePassword(),
  };
  await writeFileAtomic(secretsPath(dataDir), `${JSON.stringify(secrets, null, 2)}\n`);
  return secrets;
}

function secretsPath(dataDir: string): string {
  return join(dataDir, 'secrets.json');
}
