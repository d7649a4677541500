import { pino } from 'pino';
import { loadConfig } from '../../core/config/index.ts';
import { hostService } from '../../core/process/index.ts';
import { systemClock } from '../../core/time/index.ts';
import { startStore, storeConfigSchema } from './embedded/index.ts';

/**
 * Runs the embedded store as this process until it is told to stop; resolves with the exit code. The parent is told
 * `{url, db}` once it listens. Throws CONFIG_INVALID, DATA_LOCKED, PORT_TAKEN.
 */
export async function runStore(configFile: string): Promise<number> {
  const config = loadConfig(configFile, storeConfigSchema);
  const log = pino({ name: 'store', level: process.env['LATTICE_LOG_LEVEL'] ?? 'info' });
  return hostService(() => startStore(config, { clock: systemClock, log }));
}
