import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { DeviceLink } from '../core/device-link/index.ts';
import { codeOf, messageOf } from '../core/errors/index.ts';
import { derivedPassword } from '../core/identity/index.ts';
import { openLog } from '../core/log/index.ts';
import { type Random, systemRandom } from '../core/random/index.ts';
import { type Clock, repeat, systemClock } from '../core/time/index.ts';
import { VERSION } from '../core/version.ts';
import { openBoots } from './boots.ts';
import type { ShimConfig } from './config.ts';
import { Published } from './published.ts';
import { Publisher } from './publisher.ts';
import { Recorder } from './recorder.ts';
import { nodeSensorFs } from './sensor-fs.ts';
import { Sensors } from './sensors.ts';
import { parseInput } from './socket/parse-input.ts';
import { listenOnSocket } from './socket/socket-server.ts';
import { openShimTime } from './time/index.ts';

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
  const fs = nodeSensorFs(config.sysfsRoot);
  const sensors = new Sensors({
    fs,
    clock,
    isEnabled: (driver) => config.drivers[driver],
    onLate: (driver) => logger.warn({ driver }, 'sensors do not answer; they are left out until they do'),
  });
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
  const cursor = await log.cursor(CURSOR);
  const published = await Published.open(join(config.dataDir, 'published'), cursor.position, clock);
  const boots = await openBoots(join(config.dataDir, 'boot-id'), log, published.position, random);
  const account = accountOf(config);
  const time = await openShimTime(config, {
    ...{ fs, readings: log, clock, random: random.fork('time'), log: logger, account },
    publish: (payload) => link.publish('time', payload, { qos: 0 }),
  });
  const recorder = new Recorder(log, time.stamps);
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
    ...account,
    ca: config.caFile === undefined ? undefined : await readFile(config.caFile, 'utf8'),
    hears: time.hears,
    clock,
    random: random.fork('link'),
    events: {
      up: (broker) => {
        logger.info({ broker }, 'connected');
        publisher.linkUp();
        time.linkUp();
      },
      down: (error) => {
        logger.warn({ code: error.code, err: error.message }, 'connection lost; readings wait on disk');
        publisher.linkDown();
      },
      refused: (error) => logger.warn({ code: error.code, err: error.message }, 'no connection'),
      heard: (_kind, payload) => time.heard(payload),
    },
  });
  const publisher = new Publisher({
    log,
    cursor,
    published,
    boots,
    stamps: time.stamps,
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

  let sampled: Promise<unknown> = Promise.resolve();
  const first = await sample();
  const socket =
    config.socketPath === undefined
      ? undefined
      : await listenOnSocket({
          path: config.socketPath,
          accept: async (line) => {
            const { metrics, tsMs } = parseInput(line, time.stamps.latestMs());
            await recorder.record(metrics, tsMs);
          },
        });
  publisher.start();
  link.start();
  const sampling = repeat(clock, config.intervalMs, async () => {
    sampled = sample();
    await sampled;
  });

  let stopping: Promise<void> | undefined;
  const stop = async (): Promise<void> => {
    sampling.cancel();
    // Its reading is not on disk yet.
    await sampled;
    await socket?.close();
    await publisher.stop(DRAIN_TIMEOUT_MS);
    await time.stop();
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

function accountOf(config: ShimConfig): { username?: string; password?: string } {
  const { device, username, password, siteKey } = config;
  if (siteKey !== undefined) return { username: device, password: derivedPassword(siteKey, 'device', device) };
  return username === undefined || password === undefined ? {} : { username, password };
}
