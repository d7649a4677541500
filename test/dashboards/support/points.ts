import { type GatewayHealth, HEALTH_INTERVAL_MS, type Point } from '../../../core/wire/index.ts';
import { recordPoint } from '../../../gateway/buffer/index.ts';
import { fleetOf, historyOf } from './fleet.ts';
import { brokerHealth, SITE } from './mesh.ts';

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
  const { links } = brokerHealth(node, ['other']);
  const health = brokerHealth(node, ['other'], {
    atMs,
    uptimeS: step * 5,
    publishedTotal: step * 300,
    deliveredTotal: step * 900,
    links: links.map((link) => ({ ...link, sent: step, received: step, forwarded: step })),
  });
  return recordPoint({ type: 'health', site: SITE, health });
}

function gatewayPoint(node: string, atMs: number, step: number): Point {
  const health: GatewayHealth = {
    kind: 'gateway',
    node,
    atMs,
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
    timeKind: 'relative',
    timeIsMaster: node === 'gateway-2',
    timeIsAlarmed: false,
    timeUncertaintyMs: 0.4 + (step % 5) / 10,
    timeUncertaintyMsMax: 50,
    timeBehindMs: (step % 3) / 100 - 0.01,
    timeFrequencyPpm: -12.5,
    timeRefusedTotal: step,
    timeStepsTotal: 1,
    timeDisagreementsTotal: 0,
  };
  return recordPoint({ type: 'health', site: SITE, health });
}
