import { join } from 'node:path';
import type { Logger } from 'pino';
import { type DurableLog, type LogOptions, openLog } from '../core/log/index.ts';
import type { Random } from '../core/random/index.ts';
import { type Clock, HlcClock } from '../core/time/index.ts';
import { DrainMark } from './balance/index.ts';
import { BRIDGE_SESSION_PREFIX } from './bridge/index.ts';
import type { BrokerConfig } from './config.ts';
import { BrokerStore, openIncarnation } from './store/index.ts';

export interface BrokerDataDeps {
  clock: Clock;
  random: Random;
  log: Logger;
  /**
   * How far the wall time of `clock` may be from the truth, in ms. Infinity while that is not known, as after a start without a
   * battery clock: then stamps are neither refused nor moved back. Default: 0, the machine's clock is taken for right.
   */
  clockUncertaintyMs?: () => number;
  /** Opens the journal. Default: the segmented log on disk. */
  openJournal?: (options: LogOptions) => Promise<DurableLog>;
}

/** What the data folder held. */
export interface BrokerData {
  store: BrokerStore;
  incarnation: string;
  drainMark: DrainMark;
  wasDraining: boolean;
}

/** A record is a packet and a header of JSON, in which a topic may be escaped to several times its length. */
const RECORD_BYTES_EXTRA = 512 * 1_024;

/** Opens the data folder of a broker. Throws DATA_LOCKED or DISK_FAILED. */
export async function openBrokerData(config: BrokerConfig, deps: BrokerDataDeps): Promise<BrokerData> {
  const { clock, random, log } = deps;
  const { limits, journal } = config;
  const openJournal = deps.openJournal ?? ((options: LogOptions) => openLog(options, { clock }));
  const durableLog = await openJournal({
    directory: join(config.dataDir, 'journal'),
    bytesMax: journal.bytesMax,
    segmentBytes: Math.min(journal.segmentBytes, Math.floor(journal.bytesMax / 8)),
    atBound: 'drop-oldest',
    recordBytesMax: RECORD_BYTES_EXTRA + 2 * limits.packetBytesMax,
  });
  const { aheadMsMax } = config.clock;
  const hlc = new HlcClock({ clock, aheadMsMax, uncertaintyMs: deps.clockUncertaintyMs });
  hlc.onRefused = ({ peer, aheadMs }) =>
    log.warn(
      { code: 'HLC_STAMP_FUTURE', peer, aheadMs, aheadMsMax },
      `the clock of "${peer}" is ahead of the one here, or the one here is behind; its stamps are refused`,
    );
  const store = await BrokerStore.open({
    brokerId: config.id,
    directory: config.dataDir,
    log: durableLog,
    bounds: {
      queueMessagesMax: limits.sessionQueueMessagesMax,
      queueBytesMax: limits.sessionQueueBytesMax,
      messagesMax: limits.retainedMessagesMax,
      tombstonesMax: limits.tombstonesMax,
      ofSessions: new Map(
        config.bridges.map(({ id, queueMessagesMax, queueBytesMax }) => {
          return [`${BRIDGE_SESSION_PREFIX}${id}`, { messagesMax: queueMessagesMax, bytesMax: queueBytesMax }];
        }),
      ),
    },
    journalBytesMax: journal.bytesMax,
    clock,
    hlc,
    logger: log,
  });
  const incarnation = await openIncarnation(config.dataDir, random, store.isJournalNew || durableLog.isTailCut);
  const drainMark = new DrainMark(config.dataDir);
  return { store, incarnation, drainMark, wasDraining: await drainMark.isSet() };
}
