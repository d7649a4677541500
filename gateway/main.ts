import pino from 'pino';
import { loadConfig } from '../core/config/index.ts';
import { hostService } from '../core/process/index.ts';
import { systemRandom } from '../core/random/index.ts';
import { systemClock } from '../core/time/index.ts';
import { gatewayConfigSchema } from './config.ts';
import { startGateway } from './gateway.ts';

/** Runs one gateway as this process; resolves with the exit code. */
export async function runGateway(configFile: string): Promise<number> {
  return hostService(() => {
    const config = loadConfig(configFile, gatewayConfigSchema);
    const log = pino({ level: config.log.level, base: { gateway: config.id } });
    return startGateway(config, { clock: systemClock, random: systemRandom(), log });
  });
}
