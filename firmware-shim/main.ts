import pino from 'pino';
import { loadConfig } from '../core/config/index.ts';
import { LatticeError } from '../core/errors/index.ts';
import { hostService } from '../core/process/index.ts';
import { systemClock } from '../core/time/index.ts';
import { encodeReading } from '../core/wire/index.ts';
import { type ShimConfig, shimConfigSchema } from './config.ts';
import { nodeSensorFs } from './sensor-fs.ts';
import { Sensors } from './sensors.ts';
import { startShim } from './shim.ts';

export interface RunShimOptions {
  /** YAML, see shimConfigSchema. May be left out with `once`. */
  configFile?: string | undefined;
  /** Overrides the file's. */
  sysfsRoot?: string | undefined;
  /** Prints one reading of the sensors as JSON and ends; nothing is stored or sent. */
  once?: boolean | undefined;
  json?: boolean | undefined;
}

/**
 * Runs the shim until SIGINT, SIGTERM or the end of the parent. Resolves with the exit code: 0, or 1 when `once` found no
 * sensor. Throws USAGE, CONFIG_UNREADABLE, CONFIG_INVALID, DATA_LOCKED and others.
 */
export async function runShim(options: RunShimOptions = {}): Promise<number> {
  const file = options.configFile === undefined ? undefined : loadConfig(options.configFile, shimConfigSchema);
  if (options.once) return printOnce(options.sysfsRoot ?? file?.sysfsRoot ?? '/', file);
  if (file === undefined) throw new LatticeError('USAGE', 'The shim needs --config FILE, or --once.');
  const config: ShimConfig = { ...file, sysfsRoot: options.sysfsRoot ?? file.sysfsRoot };
  const { device, site, socketPath } = config;
  const log = pino({ base: { part: 'shim', device, site } });
  return hostService(async () => {
    const shim = await startShim(config, { log });
    log.info({ sensors: shim.sensors, socketPath }, 'shim runs');
    return {
      detail: { device, sensors: shim.sensors, ...(socketPath === undefined ? {} : { socketPath }) },
      stop: async () => {
        await shim.stop();
        log.info(shim.counts(), 'shim ended');
      },
    };
  });
}

async function printOnce(sysfsRoot: string, config: ShimConfig | undefined): Promise<number> {
  const sensors = new Sensors({
    fs: nodeSensorFs(sysfsRoot),
    clock: systemClock,
    isEnabled: (driver) => config?.drivers[driver] ?? true,
  });
  const metrics = await sensors.read();
  const tsMs = systemClock.wallMs();
  process.stdout.write(`${encodeReading({ tsMs, seq: undefined, boot: undefined, timeQuality: 'est', metrics })}\n`);
  if (Object.keys(metrics).length > 0) return 0;
  process.stderr.write(`No sensor was found under ${sysfsRoot}: it has to hold sys/ and proc/.\n`);
  return 1;
}
