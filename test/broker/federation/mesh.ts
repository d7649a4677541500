import { type Logger, pino } from 'pino';
import { createFederation, type LinkFederation, type LinkLimits } from '../../../broker/federation/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import type { Bench, FakeBroker } from './fake-broker.ts';

export const SITE_KEY = 'a site key of the tests';

/** Short times, so that a test waits little. */
export const QUICK: Partial<LinkLimits> = { keepAliveMs: 200, reconnectMsMin: 10, reconnectMsMax: 60 };

export interface LogLine {
  level: number;
  msg: string;
  peer?: string;
  node?: string;
  code?: string;
  reason?: string;
  state?: string;
}

/** A pino logger that keeps its lines. */
export function keptLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = [];
  const log = pino({ level: 'debug' }, { write: (line: string) => lines.push(JSON.parse(line) as LogLine) });
  return { log, lines };
}

export interface NodeOptions {
  peers: { id: string; port: number }[];
  siteKey?: string;
  limits?: Partial<LinkLimits>;
  log?: Logger;
  listenPort?: number;
}

/** Starts the federation of one broker, listening on a port that the system chooses. */
export async function federate(bench: Bench, broker: FakeBroker, options: NodeOptions): Promise<LinkFederation> {
  const federation = createFederation({
    port: broker,
    config: {
      listen: { host: '127.0.0.1', port: options.listenPort ?? 0 },
      peers: options.peers.map((peer) => ({ ...peer, host: '127.0.0.1' })),
    },
    siteKey: options.siteKey ?? SITE_KEY,
    clock: systemClock,
    random: seededRandom(broker.brokerId),
    log: options.log ?? pino({ level: 'silent' }),
    limits: { ...QUICK, ...options.limits },
  });
  bench.onClose(() => federation.stop());
  await federation.start();
  return federation;
}

export function portOf(federation: LinkFederation): number {
  return federation.listening()?.port as number;
}

export async function linked(...federations: LinkFederation[]): Promise<void> {
  await eventually(() => {
    for (const federation of federations) {
      for (const { peer, state } of federation.states()) {
        if (state !== 'up') throw new Error(`the link to ${peer} is ${state}`);
      }
    }
  });
}

/** Resolves once the sender has nothing left for any peer. */
export async function drained(...federations: LinkFederation[]): Promise<void> {
  await eventually(() => {
    for (const federation of federations) {
      for (const { peer, backlogMessages } of federation.states()) {
        if (backlogMessages !== 0) throw new Error(`${backlogMessages} messages wait for ${peer}`);
      }
    }
  });
}
