import { type ClockFault, sumAccounts } from '../../../core/wire/index.ts';
import type { AccountRow, GatewayRow, Overview } from './types.ts';

/** The account of the whole mesh: the sum over its gateways. `overdue` comes from the course of the sums. */
export function accountOf(gateways: readonly GatewayRow[], overdue: number): AccountRow {
  const sum = sumAccounts(gateways.flatMap(({ status }) => (status === null ? [] : [status.account])));
  return {
    ...sum,
    closed: sum.missing === 0 && sum.lost === 0,
    overdue,
    silent: gateways.filter((gateway) => gateway.state === 'down' && gateway.status !== null).map(({ id }) => id),
    unknown: gateways.filter((gateway) => gateway.status === null).map(({ id }) => id),
  };
}

type Parts = Omit<Overview, 'tone' | 'words'>;

/** What a person should know of the mesh, the worst first. */
export function stateInWords(parts: Parts): Pick<Overview, 'tone' | 'words'> {
  const bad = [
    ...downWords('broker', parts.brokers),
    ...downWords('gateway', parts.gateways),
    ...agreementWords(parts.gateways),
    ...clockWords(parts, 'alarmed'),
    ...(parts.store.state === 'down' ? ['The store does not answer; readings wait in the gateways'] : []),
    ...(parts.account.lost > 0 ? [`${counted(parts.account.lost, 'reading')} lost to a damaged disk`] : []),
    ...(parts.account.overdue > 0 ? [`${counted(parts.account.overdue, 'reading')} missing`] : []),
  ];
  const warn = [
    ...linkWords(parts),
    ...clockWords(parts, 'unsynchronised'),
    ...clockWords(parts, 'apart'),
    ...parts.brokers.flatMap(({ id, state, health }) =>
      state === 'up' && health?.isDraining === true ? [`${named('broker', id)} is draining`] : [],
    ),
    ...parts.gateways.flatMap(({ id, state, status }) =>
      state !== 'up' || status === null
        ? []
        : [
            ...(status.brokerUp ? [] : [`${named('gateway', id)} has no broker`]),
            ...(status.storeUp || parts.store.state === 'down'
              ? []
              : [`${named('gateway', id)} cannot write to the store`]),
          ],
    ),
    ...(parts.devices.offline > 0 ? [`${counted(parts.devices.offline, 'device')} offline`] : []),
    ...(parts.devices.silent > 0 ? [`${counted(parts.devices.silent, 'device')} silent`] : []),
  ];
  if (bad.length > 0) return { tone: 'bad', words: [...bad, ...warn] };
  if (warn.length > 0) return { tone: 'warn', words: warn };
  if (parts.listeningTo === null) return { tone: 'warn', words: ['Connecting to a broker'] };
  if (parts.devices.total === 0) return { tone: 'ok', words: ['Running, waiting for the first device'] };
  return { tone: 'ok', words: ['Everything is running'] };
}

/** Of those that answer: a gateway alone knows of no leader when it is the one that is cut off. */
function agreementWords(gateways: readonly GatewayRow[]): string[] {
  const told = gateways.flatMap(({ id, state, status }) =>
    state === 'up' && status?.agreement ? [{ id, ...status.agreement }] : [],
  );
  if (told.length > 0 && told.every(({ leader }) => leader === undefined)) return ['The gateways have no leader'];
  return told
    .filter(({ role }) => role === 'failed')
    .map(({ id }) => `${named('gateway', id)} takes no part in the agreement`);
}

function clockWords({ time }: Parts, which: ClockFault['fault']): string[] {
  return (time?.faults ?? []).flatMap(({ fault, text }) => (fault === which ? [text] : []));
}

function downWords(kind: string, rows: readonly { id: string; state: string }[]): string[] {
  const down = rows.filter(({ state }) => state === 'down').map(({ id }) => id);
  if (down.length === 0) return [];
  if (down.length === rows.length && rows.length > 1) return [`All ${kind}s are down`];
  return [`${down.map((id) => named(kind, id)).join(', ')} ${down.length === 1 ? 'is' : 'are'} down`];
}

/** `Gateway g1`, but `gateway-1` where the id says already what it is. */
function named(kind: string, id: string): string {
  return id.toLowerCase().startsWith(kind) ? id : `${kind[0]?.toUpperCase()}${kind.slice(1)} ${id}`;
}

function linkWords({ brokers }: Parts): string[] {
  const down = new Set(brokers.filter(({ state }) => state === 'down').map(({ id }) => id));
  const words: string[] = [];
  for (const broker of brokers) {
    for (const link of broker.links) {
      // A broker that is down explains its links.
      if (link.state === 'up' || down.has(broker.id) || down.has(link.peer)) continue;
      words.push(`Link ${broker.id} to ${link.peer} is ${link.state}`);
    }
  }
  return words;
}

function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
