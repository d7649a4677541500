import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { BROKER_SEMI_SPACE_MIB, Supervised } from '../../../core/process/index.ts';
import { endWithParent } from '../processes.ts';
import { SITE, SITE_KEY } from './member-spec.ts';

const ENTRY = fileURLToPath(new URL('../../../lattice.ts', import.meta.url));
/** It is not waited for: what it would still write is removed with its folder. */
const STOP_TIMEOUT_MS = 0;

/** One of our brokers, as a process of its own. */
export async function startBroker(folder: string): Promise<{ url: string; stop(): Promise<void> }> {
  const dataDir = join(folder, 'broker');
  await mkdir(dataDir, { recursive: true });
  const file = join(folder, 'broker.yaml');
  await writeFile(file, stringify({ id: 'broker', site: SITE, dataDir, listen: { port: 0 }, siteKey: SITE_KEY }), {
    mode: 0o600,
  });
  const supervised = new Supervised({
    name: 'broker',
    args: ['broker', '--config', file],
    entry: ENTRY,
    logPath: join(folder, 'broker.log'),
    semiSpaceMib: BROKER_SEMI_SPACE_MIB,
    env: { LATTICE_LOG_LEVEL: 'warn' },
  });
  const ready = supervised.start();
  const forget = endWithParent(supervised.pid as number);
  const { port } = await ready;
  return {
    url: `mqtt://127.0.0.1:${port}`,
    stop: async () => {
      await supervised.stop(STOP_TIMEOUT_MS);
      forget();
    },
  };
}
