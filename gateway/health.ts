import type { GatewayHealth, GatewayStatus } from '../core/wire/index.ts';

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
  };
}
