import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { BrokerStore } from '../../../broker/store/index.ts';
import type { DurableLog } from '../../../core/log/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { MemoryLog } from './memory-log.ts';

export const BOUNDS = {
  queueMessagesMax: 1_000,
  queueBytesMax: 1_024 * 1_024,
  messagesMax: 1_000,
  tombstonesMax: 10,
};

export function newFolder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'lattice-broker-'));
}

export async function openStore(
  log: DurableLog = new MemoryLog(),
  directory?: string,
  bounds = BOUNDS,
): Promise<BrokerStore> {
  return BrokerStore.open({
    brokerId: 'broker-42',
    directory: directory ?? (await newFolder()),
    log,
    bounds,
    journalBytesMax: 64 * 1_024 * 1_024,
    clock: systemClock,
    logger: pino({ level: 'silent' }),
  });
}
