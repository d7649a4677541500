import {
  type BrokerHealth,
  type GatewayHealth,
  type LinkGap,
  MEASUREMENTS,
  type Point,
  readingPoint,
} from '../../core/wire/index.ts';
import type { Readable } from './record.ts';

const NS_PER_MS = 1_000_000n;

/** The point of the time-series store that a buffered record becomes. */
export function recordPoint(record: Readable): Point {
  switch (record.type) {
    case 'reading':
      return readingPoint(record.reading);
    case 'gap':
      return {
        measurement: MEASUREMENTS.gap,
        tags: { site: record.site, device: record.device },
        fields: {
          boot: record.gap.boot,
          fromSeq: BigInt(record.gap.fromSeq),
          toSeq: BigInt(record.gap.toSeq),
          cause: record.gap.cause,
        },
        timeNs: BigInt(record.atMs) * NS_PER_MS + BigInt(record.gap.fromSeq % 1_000_000),
      };
    case 'health':
      return record.health.kind === 'broker'
        ? brokerPoint(record.site, record.health)
        : gatewayPoint(record.site, record.health);
    case 'linkgap':
      return linkGapPoint(record.site, record.gap);
  }
}

function linkGapPoint(site: string, { node, to, cause, count, fromMs, toMs }: LinkGap): Point {
  return {
    measurement: MEASUREMENTS.linkGap,
    tags: { site, node, to, cause },
    fields: { count, durationMs: toMs - fromMs },
    timeNs: BigInt(toMs) * NS_PER_MS,
  };
}

const TIME_KIND_NUMBERS = { none: 0, relative: 1, absolute: 2 } as const;

function gatewayPoint(site: string, health: GatewayHealth): Point {
  const { kind: _kind, node, atMs, timeKind, timeIsMaster, timeIsAlarmed, ...fields } = health;
  return healthPoint(MEASUREMENTS.gateway, site, node, atMs, {
    ...fields,
    ...(timeKind !== undefined && { timeKind: TIME_KIND_NUMBERS[timeKind] }),
    ...(timeIsMaster !== undefined && { timeIsMaster: Number(timeIsMaster) }),
    ...(timeIsAlarmed !== undefined && { timeIsAlarmed: Number(timeIsAlarmed) }),
  });
}

/** A broker's links are summed, since a point has no lists. That it drains shows in its weight, which is 0 then. */
function brokerPoint(site: string, health: BrokerHealth): Point {
  const { kind: _kind, node, atMs, links, streams, bridges, urls: _urls, isDraining: _isDraining, ...fields } = health;
  const sum = (of: (link: BrokerHealth['links'][number]) => number): number =>
    links.reduce((total, link) => total + of(link), 0);
  return healthPoint(MEASUREMENTS.broker, site, node, atMs, {
    ...fields,
    linksUp: links.filter((link) => link.state === 'up').length,
    linksDown: links.filter((link) => link.state !== 'up').length,
    linkBacklogMessages: streams.reduce((total, stream) => total + stream.backlogMessages, 0),
    linkSent: sum((link) => link.sent),
    linkReceived: sum((link) => link.received),
    linkForwarded: sum((link) => link.forwarded),
    linkResends: sum((link) => link.resends),
    linkBacklogBytes: streams.reduce((total, stream) => total + stream.backlogBytes, 0),
    linkBacklogAgeMs: Math.max(0, ...streams.map((stream) => stream.backlogAgeMs)),
    linkDropped: sum((link) => link.dropped) + streams.reduce((total, stream) => total + stream.dropped, 0),
    linkDuplicates: sum((link) => link.duplicates),
    linkRetainedHealed: sum((link) => link.retainedHealed),
    bridgesUp: bridges.filter((bridge) => bridge.state === 'up').length,
    bridgesDown: bridges.filter((bridge) => bridge.state !== 'up').length,
    bridgeQueued: bridges.reduce((total, bridge) => total + bridge.queued, 0),
  });
}

function healthPoint(
  measurement: string,
  site: string,
  node: string,
  atMs: number,
  fields: Record<string, number | boolean | undefined>,
): Point {
  const known = Object.entries(fields).filter((entry): entry is [string, number | boolean] => entry[1] !== undefined);
  return { measurement, tags: { site, node }, fields: Object.fromEntries(known), timeNs: BigInt(atMs) * NS_PER_MS };
}
