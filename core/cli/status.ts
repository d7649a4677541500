import { resolve } from 'node:path';
import { EXIT, LatticeError, messageOf } from '../errors/index.ts';
import { type Endpoints, loadEndpoints } from '../mesh/index.ts';
import { type Clock, delay, systemClock } from '../time/index.ts';
import {
  type BrokerHealth,
  type GatewayStatus,
  type Health,
  healthSchema,
  MEASUREMENTS,
  meshFilter,
  type ReadingAccount,
  sumAccounts,
} from '../wire/index.ts';
import { accountLine, isClosed } from './account-line.ts';
import { absences, agreementText } from './agreement-table.ts';
import { connectionLost, connectToBroker, subscribe } from './connection.ts';
import { gatewayStatus } from './gateway-api.ts';
import { linksTable } from './links-table.ts';
import { count, table } from './output.ts';
import { queryStore } from './store-query.ts';
import { clockLines } from './time-table.ts';

export interface MeshStatus {
  site: string;
  brokers: ({ id: string; up: true } & BrokerHealth)[];
  brokersDown: { id: string; reason: string }[];
  gateways: GatewayStatus[];
  gatewaysDown: { id: string; reason: string }[];
  account: ReadingAccount;
  /** Numbered readings that the store counts; undefined when it was not asked, or does not answer. */
  storeCount?: number | undefined;
  /** Numbered readings that the gateways have written to the store and that it does not have. */
  storeLacks?: number;
  /** Why the store did not answer. */
  storeError?: string | undefined;
  /** Whether every reading sent is accounted for: nothing missing, and everybody answered. */
  closed: boolean;
}

/** Health is retained, so it comes at once from a broker that runs. */
const HEALTH_TIMEOUT_MS = 2_000;
/** Older health is of a broker that does not run any more. */
const HEALTH_AGE_MS_MAX = 15_000;

/** Prints the state of every part and the account of readings. Exit code 1 when the account is not closed. */
export async function status(options: { data: string; json: boolean }): Promise<number> {
  const endpoints = loadEndpoints(resolve(options.data));
  const parts = await meshStatus(endpoints, systemClock);
  // Asked behind the gateways, so that it has at least what they call stored.
  const mesh = withStore(parts, await askStore(endpoints));
  process.stdout.write(options.json ? `${JSON.stringify(mesh)}\n` : `${statusText(mesh)}\n`);
  const isNobodyThere = mesh.gateways.length === 0 && mesh.brokers.length === 0;
  if (isNobodyThere) return EXIT.unreachable;
  return mesh.closed ? EXIT.ok : EXIT.failed;
}

/** The account is closed only when the store, too, has what was written to it. */
export function withStore(parts: MeshStatus, store: Pick<MeshStatus, 'storeCount' | 'storeError'>): MeshStatus {
  if (store.storeCount === undefined) return { ...parts, ...store, closed: false };
  const { stored, unnumbered } = parts.account;
  const storeLacks = Math.max(0, stored - unnumbered - store.storeCount);
  return { ...parts, ...store, storeLacks, closed: parts.closed && storeLacks === 0 };
}

/** The state of every part but the store, which is asked apart: to count all that it holds is too much for every 2 s. */
export async function meshStatus(endpoints: Endpoints, clock: Clock): Promise<MeshStatus> {
  const [brokers, gateways] = await Promise.all([
    Promise.allSettled(endpoints.brokers.map((broker) => brokerHealth(endpoints, broker, clock))),
    Promise.allSettled(endpoints.gateways.map((gateway) => gatewayStatus(endpoints, gateway))),
  ]);
  const gatewaysUp = fulfilled(gateways);
  const brokersUp = fulfilled(brokers);
  const account = sumAccounts(gatewaysUp.map((gateway) => gateway.account));
  return {
    site: endpoints.site,
    brokers: brokersUp.map((health) => ({ id: health.node, up: true, ...health })),
    brokersDown: rejected(brokers, endpoints.brokers),
    gateways: gatewaysUp,
    gatewaysDown: rejected(gateways, endpoints.gateways),
    account,
    closed:
      isClosed(account) &&
      gatewaysUp.length === endpoints.gateways.length &&
      brokersUp.length === endpoints.brokers.length,
  };
}

async function brokerHealth(
  endpoints: Endpoints,
  broker: Endpoints['brokers'][number],
  clock: Clock,
): Promise<BrokerHealth> {
  const client = await connectToBroker(endpoints, broker);
  const ended = new AbortController();
  try {
    const health = new Promise<BrokerHealth>((resolveHealth) => {
      client.on('message', (_topic, payload) => {
        const told = parseHealth(payload.toString());
        if (told?.kind === 'broker' && clock.wallMs() - told.atMs < HEALTH_AGE_MS_MAX) resolveHealth(told);
      });
    });
    await subscribe(client, [meshFilter({ device: broker.id, kind: 'health' })], 0);
    const late = delay(clock, HEALTH_TIMEOUT_MS, ended.signal).then(() => {
      throw new LatticeError('UNREACHABLE', 'it answers, and says nothing of its health');
    });
    return await Promise.race([health, late, connectionLost(client)]);
  } finally {
    ended.abort();
    await client.endAsync(true);
  }
}

/** Undefined for what is no health: anybody with the right to may have published it. */
function parseHealth(text: string): Health | undefined {
  try {
    return healthSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** Readings with a number of their own; each is one point, however often it was written. */
async function askStore(endpoints: Endpoints): Promise<Pick<MeshStatus, 'storeCount' | 'storeError'>> {
  try {
    const series = await queryStore(endpoints, `SELECT count("seq") FROM "${MEASUREMENTS.reading}"`);
    return { storeCount: Number(series[0]?.values[0]?.[1] ?? 0) };
  } catch (error) {
    return { storeError: messageOf(error) };
  }
}

export function statusText(mesh: MeshStatus): string {
  const brokers = [
    ...mesh.brokers.map((broker) => [
      broker.id,
      broker.isDraining ? 'draining' : 'up',
      count(broker.connections),
      count(broker.publishedTotal),
      count(broker.queued),
      broker.links.length === 0
        ? '–'
        : `${broker.links.filter(({ state }) => state === 'up').length} of ${broker.links.length} up`,
    ]),
    ...mesh.brokersDown.map(({ id, reason }) => [id, 'DOWN', '', '', '', reason]),
  ];
  const gateways = [
    ...mesh.gateways.map((gateway) => [
      gateway.id,
      gateway.brokerUp && gateway.storeUp ? 'up' : gateway.brokerUp ? 'store away' : 'broker away',
      count(gateway.devices),
      count(gateway.shards.length),
      count(gateway.account.stored),
      count(gateway.account.buffered),
      `${count(gateway.latencyMs.p50)} / ${count(gateway.latencyMs.p99)}`,
    ]),
    ...mesh.gatewaysDown.map(({ id, reason }) => [id, 'DOWN', '', '', '', '', reason]),
  ];
  const links = linksTable(mesh.brokers);
  const clocks = clockLines(mesh.gateways);
  const agreement = agreementText(mesh.gateways.flatMap((gateway) => gateway.agreement ?? []));
  return [
    table(['BROKER', 'STATE', 'CLIENTS', 'PUBLISHED', 'QUEUED', 'LINKS'], brokers),
    '',
    ...(links === undefined ? [] : [links, '']),
    table(['GATEWAY', 'STATE', 'DEVICES', 'SHARDS', 'STORED', 'BUFFERED', 'P50/P99 MS'], gateways),
    '',
    ...(clocks === undefined ? [] : [clocks, '']),
    ...(agreement === undefined ? [] : [agreement, ...absences(mesh.gateways), '']),
    `Account  ${accountLine(mesh.account)}`,
    ...(mesh.storeCount === undefined ? [] : [`Store    ${count(mesh.storeCount)} numbered readings`]),
    ...(mesh.storeLacks === undefined || mesh.storeLacks === 0
      ? []
      : [`Store    lacks ${count(mesh.storeLacks)} readings that were written to it: was its data removed?`]),
    ...(mesh.storeError === undefined ? [] : [`Store    does not answer: ${mesh.storeError}`]),
    mesh.closed
      ? 'The account is closed: every reading is accounted for.'
      : 'The account is open: readings are on their way or missing, or a part does not answer.',
  ].join('\n');
}

function fulfilled<T>(results: readonly PromiseSettledResult<T>[]): T[] {
  return results.filter((result) => result.status === 'fulfilled').map(({ value }) => value);
}

function rejected(
  results: readonly PromiseSettledResult<unknown>[],
  parts: readonly { id: string }[],
): { id: string; reason: string }[] {
  return results.flatMap((result, index) =>
    result.status === 'rejected' ? [{ id: parts[index]?.id ?? '', reason: messageOf(result.reason) }] : [],
  );
}
