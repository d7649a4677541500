import type { BrokerHealth } from '../wire/index.ts';
import { bytes, count, duration, table } from './output.ts';

interface Waiting {
  backlogMessages: number;
  backlogBytes: number;
  backlogAgeMs: number;
}

/**
 * The ways between brokers: every link, the streams to brokers that are no neighbours, and the bridges to other brokers.
 * Undefined when there are none.
 */
export function linksTable(brokers: readonly BrokerHealth[]): string | undefined {
  const rows = brokers.flatMap((broker) => [...linkRows(broker), ...streamRows(broker), ...bridgeRows(broker)]);
  return rows.length === 0 ? undefined : table(['FROM', 'TO', 'STATE', 'RTT', 'WAITING', 'DROPPED'], rows);
}

function linkRows({ node, links }: BrokerHealth): string[][] {
  return links.map((link) => [
    node,
    link.peer,
    link.state,
    link.state === 'up' && link.roundTripMs !== null ? duration(link.roundTripMs) : '–',
    waitingText(link),
    dropsText(link.droppedBy),
  ]);
}

function streamRows({ node, links, streams }: BrokerHealth): string[][] {
  const neighbours = new Set(links.map(({ peer }) => peer));
  return streams.flatMap((stream) => {
    const { to, isReachable, path } = stream;
    const drops = dropsText(stream.droppedBy);
    // A neighbour has its link's row, which has no room for what was lost while there was no way at all.
    if (neighbours.has(to) && drops === '') return [];
    const state = isReachable ? (path.length > 1 ? `via ${path.slice(0, -1).join(', ')}` : 'reachable') : 'no way';
    return [[node, to, state, '–', waitingText(stream), drops]];
  });
}

function bridgeRows({ node, bridges }: BrokerHealth): string[][] {
  return bridges.map(({ id, state, reason, queued, queuedBytes, dropped }) => [
    node,
    `${id} (bridge)`,
    reason === undefined ? state : `${state}: ${reason}`,
    '–',
    queued === 0 ? '0' : `${count(queued)} messages, ${bytes(queuedBytes)}`,
    dropsText(dropped),
  ]);
}

function waitingText({ backlogMessages, backlogBytes, backlogAgeMs }: Waiting): string {
  if (backlogMessages === 0) return '0';
  return `${count(backlogMessages)} records, ${bytes(backlogBytes)}, ${duration(backlogAgeMs)}`;
}

function dropsText(droppedBy: Readonly<Record<string, number>>): string {
  return Object.entries(droppedBy)
    .filter(([, dropped]) => dropped > 0)
    .map(([cause, dropped]) => `${cause} ${count(dropped)}`)
    .join(', ');
}
