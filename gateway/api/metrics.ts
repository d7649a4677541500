import { Gauge, type Registry } from 'prom-client';
import type { GatewayStatus } from '../../core/wire/index.ts';
import { fillTimeMetrics } from './time-metrics.ts';

/** Puts one status of a gateway into a registry. */
export function fillMetrics(registry: Registry, status: GatewayStatus): void {
  const gauge = (name: string, help: string, value: (status: GatewayStatus) => number): void => {
    new Gauge({ name: `lattice_gateway_${name}`, help, registers: [registry] }).set(value(status));
  };
  gauge('readings_sent', 'Readings that devices have numbered', ({ account }) => account.sent);
  gauge('readings_stored', 'Readings that the store has', ({ account }) => account.stored);
  gauge('readings_buffered', 'Readings on disk that the store does not have yet', ({ account }) => account.buffered);
  gauge('readings_rejected', 'Readings that the store refused for good', ({ account }) => account.rejected);
  gauge('readings_lost', 'Readings that damage to the disk has cost', ({ account }) => account.lost);
  gauge('readings_dropped', 'Readings that devices declared dropped', ({ account }) => account.dropped);
  gauge('readings_missing', 'Sequence numbers that were not seen', ({ account }) => account.missing);
  gauge('readings_duplicate', 'Readings that came again and were left out', ({ account }) => account.duplicates);
  gauge('payloads_refused', 'Payloads that were no readings', ({ account }) => account.refused);
  gauge('buffer_bytes', 'Bytes of the buffer on disk', ({ buffer }) => buffer.bytes);
  gauge('broker_up', '1 when connected to the broker', ({ brokerUp }) => Number(brokerUp));
  gauge('store_up', '1 when the store took the last write', ({ storeUp }) => Number(storeUp));
  gauge('devices', 'Devices known', ({ devices }) => devices);
  gauge('shards', 'Shards owned', ({ shards }) => shards.length);
  gauge('stored_latency_p50_ms', 'Device stamp to stored, median', ({ latencyMs }) => latencyMs.p50);
  gauge('stored_latency_p99_ms', 'Device stamp to stored, 99th percentile', ({ latencyMs }) => latencyMs.p99);
  const { agreement, time } = status;
  if (time !== undefined) fillTimeMetrics(registry, status.id, time);
  if (agreement === undefined) return;
  gauge('agreement_term', 'Term of the group that the gateways of the site form', () => agreement.term);
  gauge('agreement_is_leader', '1 when this gateway leads its site', () => Number(agreement.role === 'leader'));
  gauge('agreement_has_leader', '1 when this gateway knows a leader', () => Number(agreement.leader !== undefined));
  gauge('agreement_commit_index', 'Newest entry that is agreed on', () => agreement.commit ?? 0);
  gauge('agreement_applied_index', 'Newest entry that is carried out here', () => agreement.applied ?? 0);
}
