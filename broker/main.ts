import { pino } from 'pino';
import { loadConfig } from '../core/config/index.ts';
import { hostService } from '../core/process/index.ts';
import { systemRandom } from '../core/random/index.ts';
import { systemClock } from '../core/time/index.ts';
import { createBroker } from './broker.ts';
import { brokerConfigSchema } from './config.ts';
import { BrokerTime } from './time/index.ts';

/** Runs one broker as this process until it is told to stop. Resolves with the exit code. */
export async function runBroker(configFile: string): Promise<number> {
  return hostService(async () => {
    const config = loadConfig(configFile, brokerConfigSchema);
    const log = pino({
      level: process.env['LATTICE_LOG_LEVEL'] ?? 'info',
      base: { part: 'broker', broker: config.id },
    });
    const random = systemRandom();
    const time = config.time && new BrokerTime(config, { clock: systemClock, random: random.fork('time'), log });
    const clockUncertaintyMs = (): number => time?.clock.uncertaintyMs() ?? 0;
    const broker = await createBroker(config, { clock: time?.clock ?? systemClock, clockUncertaintyMs, random, log });
    await broker.start();
    time?.start();
    log.info(broker.addresses, 'the broker is ready');
    const stop = async (): Promise<void> => {
      await broker.stop();
      time?.stop();
    };
    return { detail: { ...broker.addresses }, stop };
  });
}
