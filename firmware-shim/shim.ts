import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { DeviceLink } from '../core/device-link/index.ts';
import { codeOf, errnoOf, LatticeError, messageOf } from '../core/errors/index.ts';
import { writeFileAtomic } from '../core/files/index.ts';
import { derivedPassword } from '../core/identity/index.ts';
import { openLog } from '../core/log/index.ts';
import { type Random, systemRandom } from '../core/random/index.ts';
import { type Clock, repeat, systemClock } from '../core/time/index.ts';
import { VERSION } from '../core/version.ts';
import type { ShimConfig } from './config.ts';
import { Publisher } from './publisher.ts';
import { Recorder } from './recorder.ts';
import { nodeSensorFs } from './sensor-fs.ts';
import { Sensors } from './sensors.ts';
import { parseInput } from './socket/parse-input.ts';
import { listenOnSocket } from './socket/socket-server.ts';

export interface Shim {
  /** Names of the metrics that the sensors gave at the start. */
  readonly sensors: string[];
  counts(): { recorded: number; acknowledged: number; dropped: number };
  /** Waits a little for what is under way, says `offline`, closes. Safe twice. */
  stop(): Promise<void>;
}

const DRAIN_TIMEOUT_MS = 2_000;
const SEGMENT_BYTES = 4 * 1024 * 1024;
/** The bound is kept by dropping whole segments, so there have to be several. */
const SEGMENTS_MIN = 8;
const CURSOR = 'publisher';

/** Starts a shim: sensors and socket into the log, the log to the broker. Rejects with DATA_LOCKED, DISK_FULL and others. */
export async function startShim(
  config: ShimConfig,
  deps: { log: Logger; clock?: Clock; random?: Random },
): Promise<Shim> {
  const { log: logger, clock = systemClock, random = systemRandom() } = deps;
  const sensors = new Sensors(nodeSensorFs(config.sysfsRoot), (driver) => config.drivers[driver]);
  const { bytesMax } = config.buffer;
  const log = await openLog(
    {
      directory: join(config.dataDir, 'readings'),
      bytesMax,
      segmentBytes: Math.min(SEGMENT_BYTES, Math.floor(bytesMax / SEGMENTS_MIN)),
      atBound: 'drop-oldest',
    },
    { clock },
  );
  const boot = await logBootId(config.dataDir, log.nextPosition === 0, random);
  const recorder = new Recorder(log, clock);
  const link = new DeviceLink({
    site: config.site,
    device: config.device,
    meta: {
      name: config.device,
      manufacturer: 'lattice-shim',
      model: `${process.platform} ${process.arch}`,
      software: VERSION,
      source: 'sensor',
      ...(config.area === undefined ? {} : { area: config.area }),
    },
    brokers: config.brokers,
    ...credentials(config),
    ca: config.caFile === undefined ? undefined : await readFile(config.caFile, 'utf8'),
    clock,
    random: random.fork('link'),
    events: {
      up: (broker) => {
        logger.info({ broker }, 'connected');
        publisher.linkUp();
      },
      down: (error) => {
        logger.warn({ code: error.code, err: error.message }, 'connection lost; readings wait on disk');
        publisher.linkDown();
      },
      refused: (error) => logger.warn({ code: error.code, err: error.message }, 'no connection'),
    },
  });
  const publisher = new Publisher({
    log,
    cursor: await log.cursor(CURSOR),
    boot,
    link,
    clock,
    windowMax: config.windowMax,
    onGap: (error, readings) => logger.error({ code: error.code, readings }, error.toLine()),
  });

  const sample = async (): Promise<string[]> => {
    const metrics = await sensors.read();
    const names = Object.keys(metrics);
    try {
      if (names.length > 0) await recorder.record(metrics);
    } catch (error) {
      logger.error({ code: codeOf(error), err: messageOf(error) }, 'a reading could not be put on disk');
    }
    return names;
  };

  const first = await sample();
  const socket =
    config.socketPath === undefined
      ? undefined
      : await listenOnSocket({
          path: config.socketPath,
          accept: async (line) => {
            const { metrics, tsMs } = parseInput(line, clock.wallMs());
            await recorder.record(metrics, tsMs);
          },
        });
  publisher.start();
  link.start();
  const sampling = repeat(clock, config.intervalMs, async () => {
    await sample();
  });

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    sampling.cancel();
    await socket?.close();
    await publisher.stop(DRAIN_TIMEOUT_MS);
    await link.stop();
    await log.close();
  };
  return {
    sensors: first,
    counts: () => ({
      recorded: recorder.recorded,
      acknowledged: publisher.acknowledged,
      dropped: publisher.dropped,
    }),
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

function credentials(config: ShimConfig): { username?: string; password?: string } {
  const { device, username, password, siteKey } = config;
  if (siteKey !== undefined) return { username: device, password: derivedPassword(siteKey, 'device', device) };
  return password === undefined ? {} : { username: username ?? device, password };
}

const BOOT_ID = /^[A-Za-z0-9_-]{1,32}$/;

/**
 * The id of the log beside it; sequence numbers go on for the life of the log. A log that is empty and new gets a new id:
 * under the old one its numbers would start again, and the gateways would take new readings for old.
 */
async function logBootId(dataDir: string, isNewLog: boolean, random: Random): Promise<string> {
  const path = join(dataDir, 'boot-id');
  try {
    const known = (await readFile(path, 'utf8')).trim();
    if (!isNewLog && BOOT_ID.test(known)) return known;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      throw new LatticeError('DISK_FAILED', `${path}: ${messageOf(error)}.`, { cause: error });
    }
  }
  const part = (): string =>
    random
      .below(2 ** 32)
      .toString(36)
      .padStart(7, '0');
  const made = part() + part();
  await writeFileAtomic(path, `${made}\n`);
  return made;
}
