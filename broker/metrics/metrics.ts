import { Counter, Gauge, type Registry } from 'prom-client';
import type { BridgeState, BrokerHealth, LinkState, StreamState } from '../../core/wire/index.ts';

/** A metric of one thing: its name without the prefix (counters end in `_total`), its help, and its value; null is left out. */
type Row<Thing> = [name: string, help: string, value: (thing: Thing) => number | boolean | null];

const BROKER: Row<BrokerHealth>[] = [
  ['uptime_seconds', 'Since the start of the process', ({ uptimeS }) => uptimeS],
  ['connections', 'Clients that are connected', ({ connections }) => connections],
  ['sessions', 'Sessions, kept ones of clients that are away among them', ({ sessions }) => sessions],
  ['subscriptions', 'Subscriptions of all sessions', ({ subscriptions }) => subscriptions],
  ['retained', 'Topics with a retained message', ({ retained }) => retained],
  ['published_total', 'Messages that clients published', ({ publishedTotal }) => publishedTotal],
  ['delivered_total', 'Messages delivered to clients', ({ deliveredTotal }) => deliveredTotal],
  ['refused_total', 'Packets and connections that were refused', ({ refusedTotal }) => refusedTotal],
  ['dropped_total', 'Messages dropped at a bound', ({ droppedTotal }) => droppedTotal],
  ['queued', 'Messages queued for sessions that are away or slow', ({ queued }) => queued],
  ['journal_bytes', 'Bytes of the journal on disk', ({ journalBytes }) => journalBytes],
  ['commit_p99_ms', 'From arrival to sync, 99th percentile of the last minute', ({ commitP99Ms }) => commitP99Ms],
  ['weight', 'Room for more clients, 0 to 1', ({ weight }) => weight],
  ['draining', '1 while it takes no clients', ({ isDraining }) => isDraining],
];

type Behind = Pick<StreamState, 'backlogMessages' | 'backlogBytes' | 'backlogAgeMs' | 'interestLag'>;
const BEHIND: Row<Behind>[] = [
  ['backlog_records', 'Records on disk that are not acknowledged', ({ backlogMessages }) => backlogMessages],
  ['backlog_bytes', 'About what these take in the journal', ({ backlogBytes }) => backlogBytes],
  ['backlog_age_ms', 'Age of the oldest of these', ({ backlogAgeMs }) => backlogAgeMs],
  ['interest_lag', 'Versions of what clients want that it does not route by', ({ interestLag }) => interestLag],
];

const LINK: Row<LinkState>[] = [
  ['up', '1 when the link is up', ({ state }) => state === 'up'],
  ['round_trip_ms', 'Round trip of the last ping', ({ roundTripMs }) => roundTripMs],
  ...BEHIND,
  ['sent_total', 'Messages of own clients that were sent', ({ sent }) => sent],
  ['received_total', 'Messages received for own clients', ({ received }) => received],
  ['forwarded_total', 'Messages of others that passed', ({ forwarded }) => forwarded],
  ['duplicates_total', 'Messages that came again and were left out', ({ duplicates }) => duplicates],
  ['resends_total', 'Times that something was sent again', ({ resends }) => resends],
  ['sent_bytes_total', 'Bytes written to the link', ({ bytesSent }) => bytesSent],
  ['received_bytes_total', 'Bytes read from the link', ({ bytesReceived }) => bytesReceived],
  ['credit_bytes', 'Bytes of data that the peer still takes', ({ creditBytes }) => creditBytes],
  ['queued_bytes', 'Bytes of data that wait in memory', ({ queuedBytes }) => queuedBytes],
  ['retained_healed_total', 'Retained messages found by comparing', ({ retainedHealed }) => retainedHealed],
];

const STREAM: Row<StreamState>[] = [
  ['reachable', '1 when there is a way', ({ isReachable }) => isReachable],
  ['hops', 'Links on the way', ({ path }) => path.length],
  ...BEHIND,
];

const BRIDGE: Row<BridgeState>[] = [
  ['up', '1 when the other broker is connected', ({ state }) => state === 'up'],
  ['sent_total', 'Messages that the other broker has taken', ({ sent }) => sent],
  ['received_total', 'Messages taken from the other broker', ({ received }) => received],
  ['queued', 'Messages that wait for the other broker', ({ queued }) => queued],
  ['queued_bytes', 'Bytes of these', ({ queuedBytes }) => queuedBytes],
];

/** The broker's hybrid logical clock. */
export interface StampMetrics {
  driftMs: number;
  /** Refused stamps by the broker that stamped. */
  refused: ReadonlyMap<string, number>;
}

const HLC: Row<StampMetrics>[] = [
  ['drift_ms', 'How far the hybrid logical clock runs ahead of the wall clock', ({ driftMs }) => driftMs],
];

const HLC_REFUSED: Row<[peer: string, count: number]>[] = [
  ['refused_total', 'Stamps that lay too far ahead of the clock here', ([, count]) => count],
];

/** Puts what a broker says of itself into an empty registry. */
export function fillMetrics(registry: Registry, health: BrokerHealth, stamps: StampMetrics): void {
  const { links, streams, bridges } = health;
  const linkDrops = links.map(({ peer, droppedBy }) => ({ name: peer, droppedBy }));
  const streamDrops = streams.map(({ to, droppedBy }) => ({ name: to, droppedBy }));
  const bridgeDrops = bridges.map(({ id, dropped }) => ({ name: id, droppedBy: dropped }));
  fill(registry, 'lattice_broker', BROKER, [health]);
  fill(registry, 'lattice_link', LINK, links, { label: 'peer', nameOf: ({ peer }) => peer });
  fillDrops(registry, 'lattice_link', 'peer', linkDrops);
  fill(registry, 'lattice_stream', STREAM, streams, { label: 'to', nameOf: ({ to }) => to });
  fillDrops(registry, 'lattice_stream', 'to', streamDrops);
  fill(registry, 'lattice_bridge', BRIDGE, bridges, { label: 'id', nameOf: ({ id }) => id });
  fillDrops(registry, 'lattice_bridge', 'id', bridgeDrops);
  fill(registry, 'lattice_hlc', HLC, [stamps]);
  fill(registry, 'lattice_hlc', HLC_REFUSED, [...stamps.refused], { label: 'peer', nameOf: ([peer]) => peer });
}

function fill<Thing>(
  registry: Registry,
  prefix: string,
  rows: readonly Row<Thing>[],
  things: readonly Thing[],
  naming?: { label: string; nameOf: (thing: Thing) => string },
): void {
  for (const [name, help, measure] of rows) {
    const options = {
      name: `${prefix}_${name}`,
      help,
      labelNames: naming === undefined ? [] : [naming.label],
      registers: [registry],
    };
    const isCounter = name.endsWith('_total');
    const metric = isCounter ? new Counter(options) : new Gauge(options);
    for (const thing of things) {
      const value = measure(thing);
      if (value !== null)
        metric.inc(naming === undefined ? {} : { [naming.label]: naming.nameOf(thing) }, Number(value));
    }
  }
}

function fillDrops(
  registry: Registry,
  prefix: string,
  label: string,
  things: readonly { name: string; droppedBy: Readonly<Record<string, number>> }[],
): void {
  const name = `${prefix}_dropped_total`;
  const options = { name, help: 'Messages that were given up', labelNames: [label, 'cause'], registers: [registry] };
  const counter = new Counter(options);
  for (const thing of things) {
    for (const [cause, count] of Object.entries(thing.droppedBy)) counter.inc({ [label]: thing.name, cause }, count);
  }
}
