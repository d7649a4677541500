import {
  type BrokerHealth,
  type GatewayHealth,
  HEALTH_INTERVAL_MS,
  MEASUREMENTS,
  type Point,
} from '../../../core/wire/index.ts';
import { fleetOf, historyOf } from './fleet.ts';
import { brokerHealth, SITE } from './mesh.ts';

const NS_PER_MS = 1_000_000n;

/** What gateways would have stored of a small mesh in the given span: readings, and the health of its nodes. */
export function meshPoints(fromMs: number, toMs: number): Point[] {
  const points = fleetOf(6).flatMap((device) => historyOf(device, fromMs, toMs, 10_000));
  for (let atMs = fromMs, step = 0; atMs <= toMs; atMs += HEALTH_INTERVAL_MS, step++) {
    for (const node of ['broker-1', 'broker-2']) points.push(brokerPoint(node, atMs, step));
    for (const node of ['gateway-1', 'gateway-2', 'gateway-3']) points.push(gatewayPoint(node, atMs, step));
  }
  return points;
}

function brokerPoint(node: string, atMs: number, step: number): Point {
  const {
    kind: _kind,
    node: _node,
    atMs: _atMs,
    links,
    streams,
    urls: _urls,
    isDraining: _isDraining,
    ...fields
  } = brokerHealth(node, ['other'], {
    uptimeS: step * 5,
    publishedTotal: step * 300,
    deliveredTotal: step * 900,
  } satisfies Partial<BrokerHealth>);
  const sum = (key: 'sent' | 'received' | 'forwarded' | 'resends' | 'dropped'): number =>
    links.reduce((total, link) => total + link[key], 0);
  return {
    measurement: MEASUREMENTS.broker,
    tags: { site: SITE, node },
    fields: {
      ...fields,
      linksUp: links.filter(({ state }) => state === 'up').length,
      linksDown: links.filter(({ state }) => state !== 'up').length,
      linkBacklogMessages: streams.reduce((total, { backlogMessages }) => total + backlogMessages, 0),
      linkSent: sum('sent') + step,
      linkReceived: sum('received') + step,
      linkForwarded: sum('forwarded'),
      linkResends: sum('resends'),
      linkDropped: sum('dropped'),
    },
    timeNs: BigInt(atMs) * NS_PER_MS,
  };
}

function gatewayPoint(node: string, atMs: number, step: number): Point {
  const fields: Omit<GatewayHealth, 'kind' | 'node' | 'atMs'> = {
    uptimeS: step * 5,
    rssBytes: 88_000_000,
    brokerUp: true,
    storeUp: true,
    devices: 2,
    shards: 21,
    receivedTotal: step * 52,
    storedTotal: step * 50,
    duplicatesTotal: step,
    rejectedTotal: 0,
    droppedTotal: 0,
    missingTotal: 0,
    bufferReadings: step % 7,
    bufferBytes: (step % 7) * 140,
    storedP50Ms: 18,
    storedP99Ms: 70 + (step % 20),
  };
  return {
    measurement: MEASUREMENTS.gateway,
    tags: { site: SITE, node },
    fields: { ...fields },
    timeNs: BigInt(atMs) * NS_PER_MS,
  };
}
