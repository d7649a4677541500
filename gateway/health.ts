import { type GatewayHealth, type GatewayStatus, isMaster } from '../core/wire/index.ts';

/** A gateway's status in the form that is published and stored. */
export function gatewayHealth(status: GatewayStatus, atMs: number): GatewayHealth {
  const { account, buffer, latencyMs } = status;
  return {
    kind: 'gateway',
    node: status.id,
    atMs,
    uptimeS: status.uptimeS,
    rssBytes: process.memoryUsage.rss(),
    brokerUp: status.brokerUp,
    storeUp: status.storeUp,
    devices: status.devices,
    shards: status.shards.length,
    receivedTotal: account.received,
    storedTotal: account.stored,
    duplicatesTotal: account.duplicates,
    rejectedTotal: account.rejected + account.refused,
    droppedTotal: account.dropped,
    missingTotal: account.missing,
    bufferReadings: buffer.readings,
    bufferBytes: buffer.bytes,
    storedP50Ms: latencyMs.p50,
    storedP99Ms: latencyMs.p99,
    ...clockHealth(status),
  };
}

function clockHealth({ id, time }: GatewayStatus): Partial<GatewayHealth> {
  if (time === undefined) return {};
  return {
    timeKind: time.kind,
    timeIsMaster: isMaster({ id, time }),
    timeIsAlarmed: time.isAlarmed,
    ...(time.uncertaintyMs !== undefined && { timeUncertaintyMs: time.uncertaintyMs }),
    timeUncertaintyMsMax: time.uncertaintyMsMax,
    timeBehindMs: time.behindMs,
    timeFrequencyPpm: time.frequencyPpm,
    timeRefusedTotal: Object.values(time.refused).reduce((sum, count) => sum + count, 0),
    timeStepsTotal: time.steps,
    timeDisagreementsTotal: time.disagreements,
  };
}
