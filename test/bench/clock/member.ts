import { pino } from 'pino';
import { seededRandom, systemRandom } from '../../../core/random/index.ts';
import { delay, repeat } from '../../../core/time/index.ts';
import {
  ClockService,
  type ClockServiceOptions,
  clockConfigSchema,
  type TimeTopics,
} from '../../../gateway/clock/index.ts';
import { NtpServer } from '../../../gateway/clock/ntp/index.ts';
import { TcpTransport } from '../../../gateway/transport/index.ts';
import { ShiftedClock } from '../../support/shifted-clock.ts';
import { type FromMember, type MemberSpec, SITE, SITE_KEY, type ToMember } from './member-spec.ts';
import { Sampler } from './sampler.ts';
import { StaticAgreement } from './static-agreement.ts';

/*
 * The clock of one gateway, with nothing else in the process. Its argument is a MemberSpec as JSON; its parent tells it over IPC who
 * leads, and is told what the mesh clock shows. It ends with its parent; what it logs goes to stderr.
 */
const SEND_INTERVAL_MS = 1_000;
const BLOCK_MS = { min: 10, max: 200 };
const HOST = '127.0.0.1';
const NO_BROKER: TimeTopics = { publish: () => false, onMessage: () => () => {} };
/** Looked at only for where probes are answered, when that is not said otherwise. */
const UNUSED: ClockServiceOptions['agreementConfig'] = {
  ...{ driver: 'raft', listen: { host: HOST, port: 0 }, members: [], tickMs: 15, leaseReads: false, sites: [] },
  decision: 'two-phase',
};

const spec = JSON.parse(process.argv[2] ?? '') as MemberSpec;
const { name, members } = spec;
const clock = new ShiftedClock(spec.wallAheadMs);
const random = systemRandom();
const log = pino({ level: process.env['LATTICE_BENCH_LOG'] ?? 'silent', base: { name } }, pino.destination(2));
const own = { site: SITE, name };

const transport = await openTransport();
const agreement = new StaticAgreement(name, members, transport);
const service = new ClockService({
  config: clockConfigSchema.parse({
    probe: { host: HOST, port: spec.probePort },
    peers: spec.probePeers.map((peer) => ({ ...peer, host: HOST })),
  }),
  agreementConfig: UNUSED,
  ...{ agreement, own, gateways: members, siteKey: SITE_KEY, dataDir: spec.dataDir, clock, random, log },
  topics: spec.brokerUrl === undefined ? NO_BROKER : await openTopics(spec.brokerUrl),
});
const sampler = new Sampler((monotonicMs) => service.meshAt(monotonicMs), clock.monotonicMs());
let blocking: AbortController | undefined;

await service.start();
if (spec.ntpPort !== undefined) await serveNtp(spec.ntpPort);
process.on('message', (message: ToMember) => onMessage(message));
process.once('disconnect', () => process.exit());
sample();
repeat(clock, SEND_INTERVAL_MS, () => tell({ type: 'samples', samples: sampler.take(), faults: sampler.faults }));
tell({ type: 'ready' });

function tell(message: FromMember): void {
  if (process.connected) process.send?.(message);
}

function look(): void {
  const wasSynchronised = sampler.isSynchronised;
  sampler.look(clock.monotonicMs());
  if (sampler.isSynchronised && !wasSynchronised) tell({ type: 'synchronised' });
}

function sample(): void {
  look();
  clock.setTimer(sampler.waitMs(clock.monotonicMs()), sample);
}

function onMessage(message: ToMember): void {
  switch (message.type) {
    case 'role':
      agreement.setLeader(message.term, message.leader);
      break;
    case 'block':
      blocking?.abort();
      blocking = message.isOn ? new AbortController() : undefined;
      if (blocking !== undefined) void blockHalfOfTheTime(blocking.signal);
      break;
    case 'read': {
      const moments = message.atMs.length > 0 ? message.atMs : [clock.monotonicMs()];
      const frequencyPpm = service.status()?.frequencyPpm ?? 0;
      const readings = moments.map((atMs) => ({ ...service.meshAt(atMs), atMs, wallMs: clock.wallMs(), frequencyPpm }));
      tell({ type: 'reading', id: message.id, readings });
      break;
    }
  }
}

/** Busy loops that read the clock, as a gateway does that stamps what it is busy with. */
async function blockHalfOfTheTime(signal: AbortSignal): Promise<void> {
  const lengths = seededRandom(`blocked/${spec.seed}/${name}`);
  const draw = (): number => BLOCK_MS.min + lengths.next() * (BLOCK_MS.max - BLOCK_MS.min);
  while (!signal.aborted) {
    const untilMs = clock.monotonicMs() + draw();
    while (clock.monotonicMs() < untilMs) look();
    await delay(clock, draw(), signal);
  }
}

async function openTransport(): Promise<TcpTransport | undefined> {
  if (spec.transport === undefined) return undefined;
  const { port, peers } = spec.transport;
  const opened = new TcpTransport({ own, siteKey: SITE_KEY, listen: { host: HOST, port }, clock, random, log });
  await opened.start();
  for (const peer of peers) opened.setPeer({ ...peer, host: HOST });
  return opened;
}

/** Most members have no broker, and start sooner without a client for it. */
async function openTopics(brokerUrl: string): Promise<TimeTopics> {
  const { brokerTopics } = await import('./broker-topics.ts');
  return brokerTopics(brokerUrl, name, { clock, random, log });
}

/** With no bound on how often one address may ask: who is compared with us asks as often as we do. */
async function serveNtp(port: number): Promise<void> {
  const server = new NtpServer({
    ...{ host: HOST, port, clock, log, rate: { burst: 1_000, intervalMs: 1, addressesMax: 16 } },
    meshAt: (monotonicMs) => {
      const { kind, ms, uncertaintyMs } = service.meshAt(monotonicMs);
      return kind === 'none' ? { kind } : { kind: 'relative', ms, uncertaintyMs };
    },
  });
  await server.start();
}
