import { pino } from 'pino';
import { loadConfig } from '../../core/config/index.ts';
import { hostService } from '../../core/process/index.ts';
import { systemClock } from '../../core/time/index.ts';
import { consoleConfigSchema } from './config.ts';
import { startConsole } from './console.ts';

/** Runs the web console as this process until it is told to stop. Resolves with the exit code. */
export function runConsole(configFile: string): Promise<number> {
  return hostService(async () => {
    const config = loadConfig(configFile, consoleConfigSchema);
    const log = pino({
      name: 'console',
      level: process.env['LATTICE_LOG_LEVEL'] ?? 'info',
      redact: ['*.siteKey', '*.accessToken', '*.password'],
    });
    return startConsole(config, { clock: systemClock, log });
  });
}
