import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { onTestFinished } from 'vitest';
import { BrokerStore, type StoreOptions } from '../../../broker/store/index.ts';
import type { DurableLog } from '../../../core/log/index.ts';
import { HlcClock, systemClock } from '../../../core/time/index.ts';
import { MemoryLog } from './memory-log.ts';

export const BOUNDS = {
  queueMessagesMax: 1_000,
  queueBytesMax: 1_024 * 1_024,
  messagesMax: 1_000,
  tombstonesMax: 10,
};

/** A folder that goes when the test is over, after the brokers in it have stopped. */
export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'lattice-broker-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function openStore(
  log: DurableLog = new MemoryLog(),
  directory?: string,
  bounds = BOUNDS,
  parts: Partial<StoreOptions> = {},
): Promise<BrokerStore> {
  const clock = parts.clock ?? systemClock;
  return BrokerStore.open({
    brokerId: 'broker-42',
    directory: directory ?? (await newFolder()),
    log,
    bounds,
    journalBytesMax: 64 * 1_024 * 1_024,
    clock,
    hlc: new HlcClock({ clock }),
    logger: pino({ level: 'silent' }),
    ...parts,
  });
}
