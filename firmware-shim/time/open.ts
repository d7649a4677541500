import { join } from 'node:path';
import type { Logger } from 'pino';
import { codeOf, messageOf } from '../../core/errors/index.ts';
import type { DurableLog } from '../../core/log/index.ts';
import { type FollowedClock, logNote, MqttTime, UdpTime } from '../../core/mesh-clock/index.ts';
import type { FollowerNote } from '../../core/mesh-time/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';
import { READING_LIMITS, type TopicKind } from '../../core/wire/index.ts';
import type { ShimConfig } from '../config.ts';
import type { SensorFs } from '../sensor-fs.ts';
import { readLives, writeLives } from './lives-file.ts';
import { lastRecordOf } from './record.ts';
import { Stamps } from './stamps.ts';
import { type LastRecord, withPresent } from './time-lines.ts';

export interface ShimTime {
  readonly stamps: Stamps;
  /** Kinds of the device's topics that have to be subscribed to. */
  readonly hears: readonly TopicKind[];
  /** There is a connection to a broker: the time is asked for, and what waits for it waits no longer than `waitMsMax`. */
  linkUp(): void;
  /** A message of one of the kinds. */
  heard(payload: Uint8Array): void;
  stop(): Promise<void>;
}

export interface ShimTimeDeps {
  fs: SensorFs;
  /** The log, whose newest record is looked at. */
  readings: Pick<DurableLog, 'read' | 'durablePosition'>;
  clock: Clock;
  random: Random;
  log: Logger;
  account: { username?: string; password?: string };
  /** To the device's topic `time`. */
  publish: (payload: string) => void;
}

/** A way to the mesh's time. */
interface Way {
  clock: FollowedClock;
  stop(): void;
  heard(payload: Uint8Array): void;
}

const BOOT_ID_FILE = 'proc/sys/kernel/random/boot_id';
const LIFE_LENGTH = 12;
const LOOK_BACK = 64;
const LOOK_BACK_BYTES = LOOK_BACK * READING_LIMITS.payloadBytesMax;

/** Opens what the shim knows of the time, and the way to the mesh's. Rejects with DISK_FAILED. */
export async function openShimTime(
  config: Pick<ShimConfig, 'time' | 'dataDir' | 'device'>,
  deps: ShimTimeDeps,
): Promise<ShimTime> {
  const { clock, log } = deps;
  const path = join(config.dataDir, 'time-lines');
  const life = await lifeOf(deps.fs, deps.random);
  const last = await lastRecord(deps.readings);
  const lives = withPresent(await readLives(path), life, last);
  await writeLives(path, lives);
  let isStopped = false;
  let writing: Promise<void> = Promise.resolve();
  let patience: Timer | undefined;

  const onNote = (note: FollowerNote): void => {
    logNote(log, note);
    if (note.kind === 'synchronised') writing = learn();
  };
  const way = wayOf(config, deps, onNote);
  const lastStampMs = last?.kind === 'stamped' ? last.stampMs : undefined;
  const stamps = new Stamps({ clock, mesh: way?.clock, life, lives, lastStampMs });

  const learn = async (): Promise<void> => {
    if (way === undefined) return;
    const known = stamps.withFirstLine(way.clock);
    try {
      await writeLives(path, known);
    } catch (error) {
      // What is published twice may have two stamps then, by a little; better than none.
      log.error({ code: codeOf(error), err: messageOf(error) }, 'what was learnt of the time could not be put on disk');
    }
    stamps.adopt(known);
  };

  return {
    stamps,
    hears: config.time.mode === 'mqtt' ? ['now'] : [],
    linkUp() {
      if (way === undefined || isStopped) return;
      patience ??= clock.setTimer(config.time.waitMsMax, () => stamps.giveUp());
      way.clock.start();
    },
    heard: (payload) => way?.heard(payload),
    async stop() {
      isStopped = true;
      patience?.cancel();
      way?.stop();
      await writing;
    },
  };
}

function wayOf(
  { time, device }: Pick<ShimConfig, 'time' | 'device'>,
  { clock, random, account, publish }: ShimTimeDeps,
  onNote: (note: FollowerNote) => void,
): Way | undefined {
  switch (time.mode) {
    case 'system':
      return undefined;
    case 'mqtt': {
      const way = new MqttTime({
        ...{ clock, random, onNote, servers: [device] },
        publish: (_device, payload) => publish(payload),
      });
      return { clock: way.clock, stop: () => way.clock.stop(), heard: (payload) => way.heard(payload) };
    }
    case 'udp': {
      const { username = device, password = '' } = account;
      const way = new UdpTime({ clock, random, onNote, servers: time.servers, device: username, password });
      return { clock: way.clock, stop: () => way.stop(), heard: () => {} };
    }
  }
}

/** Which life of the machine this is. Where the kernel does not tell, each run of the shim counts as one. */
async function lifeOf(fs: SensorFs, random: Random): Promise<string> {
  const id = (await fs.read(BOOT_ID_FILE))?.toLowerCase().replaceAll('-', '').slice(0, LIFE_LENGTH);
  if (id !== undefined && /^[0-9a-f]{12}$/.test(id)) return id;
  return random
    .below(2 ** 32)
    .toString(16)
    .padStart(8, '0');
}

/** Of the newest records the last that says something: programs may have stamped others. */
async function lastRecord(readings: ShimTimeDeps['readings']): Promise<LastRecord | undefined> {
  const records = await readings.read(Math.max(0, readings.durablePosition - LOOK_BACK), LOOK_BACK_BYTES);
  return records
    .map(({ payload }) => lastRecordOf(Buffer.from(payload).toString('utf8')))
    .findLast((last) => last !== undefined);
}
