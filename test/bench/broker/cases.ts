import type { Goal, MetricKey } from './figures.ts';
import { latticeSide, latticeWithIdlePeer } from './lattice.ts';
import type { LoadSpec } from './load/spec.ts';
import { mosquittoSide } from './mosquitto.ts';
import type { Route, Running } from './side.ts';

/** Who is measured. */
export interface Contender {
  label: string;
  /** Starts fresh brokers in an empty folder. */
  open(folder: string, route: Route): Promise<Running>;
}

export interface Case {
  /** For --case. */
  name: string;
  title: string;
  /** What is done: a steady load, a number of messages whose bytes are counted, or a backlog behind a link that is down. */
  kind: 'steady' | 'wire' | 'backlog';
  load: Pick<LoadSpec, 'publishers' | 'window' | 'topicsPerPublisher' | 'subscribers' | 'qos' | 'payloadBytes'>;
  ours: Contender;
  peer: Contender;
  metrics: readonly MetricKey[];
  goals: readonly Goal[];
  /** Whether --quick runs it. */
  isQuick: boolean;
}

const SINGLE = {
  ours: { label: latticeSide.name, open: (folder: string) => latticeSide.single(folder) },
  peer: { label: mosquittoSide.name, open: (folder: string) => mosquittoSide.single(folder) },
};
const LINK = {
  ours: { label: latticeSide.name, open: latticeSide.link },
  peer: { label: `${mosquittoSide.name} bridge`, open: mosquittoSide.link },
};
const FEDERATED = {
  ours: { label: 'with a link', open: (folder: string) => latticeWithIdlePeer(folder) },
  peer: { label: 'alone', open: (folder: string) => latticeSide.single(folder) },
};

const PIPELINED = { publishers: 10, window: 100, topicsPerPublisher: 1, subscribers: 1 };
const MANY_DEVICES = { publishers: 200, window: 1, topicsPerPublisher: 1, subscribers: 1 };
const FAN_OUT = { publishers: 1, window: 100, topicsPerPublisher: 1, subscribers: 50 };
const TELEMETRY = { ...PIPELINED, topicsPerPublisher: 100, qos: 1, payloadBytes: 64 } as const;

const LOADED: readonly MetricKey[] = ['perSecond', 'cpuUs', 'p50Ms', 'p99Ms', 'residentMb', 'lost'];
const LOSES_NOTHING: Goal = { metric: 'lost', of: 'value', op: '=', bound: 0 };
const fasterBy = (bound: number): Goal => ({ metric: 'perSecond', of: 'ratio', op: '>=', bound });
const atLeastPerSecond = (bound: number): Goal => ({ metric: 'perSecond', of: 'value', op: '>=', bound });
const atMost = (metric: MetricKey, of: Goal['of'], bound: number): Goal => ({ metric, of, op: '<=', bound });

/** What FlashMQ 1.26 delivers of 64 B at QoS 0, pipelined, on a machine of this kind. */
const FLASHMQ_PER_SECOND = 486_000;

function single(
  shape: { name: string; title: string; load: typeof PIPELINED },
  qos: 0 | 1,
  payloadBytes: number,
  goals: readonly Goal[],
  isQuick = false,
): Case {
  return {
    name: `${shape.name}-qos${qos}-${payloadBytes}`,
    title: `${shape.title}, QoS ${qos}, ${payloadBytes} B`,
    kind: 'steady',
    load: { ...shape.load, qos, payloadBytes },
    ...SINGLE,
    metrics: LOADED,
    goals: qos === 1 ? [...goals, LOSES_NOTHING] : goals,
    isQuick,
  };
}

const pipelined = { name: 'fan-in-pipelined', title: 'fan-in, 10 publishers with a window of 100', load: PIPELINED };
const devices = { name: 'fan-in-devices', title: 'fan-in, 200 devices with 1 in flight', load: MANY_DEVICES };
const fanOut = { name: 'fan-out', title: 'fan-out, 1 publisher to 50 subscribers', load: FAN_OUT };

export const CASES: readonly Case[] = [
  single(pipelined, 0, 64, [fasterBy(1.5), atLeastPerSecond(FLASHMQ_PER_SECOND)], true),
  single(pipelined, 0, 1024, [fasterBy(1.5)]),
  single(pipelined, 1, 64, [fasterBy(1.5), atLeastPerSecond(250_000), atMost('cpuUs', 'value', 3)], true),
  single(pipelined, 1, 1024, [fasterBy(1.5)]),
  single(devices, 1, 64, [fasterBy(1.5)], true),
  single(devices, 1, 1024, [fasterBy(1.5)]),
  single(fanOut, 0, 64, []),
  single(fanOut, 0, 1024, []),
  single(fanOut, 1, 64, []),
  single(fanOut, 1, 1024, []),
  {
    name: 'link',
    title: 'over a link, 1,000 topics, QoS 1, 64 B',
    kind: 'steady',
    load: TELEMETRY,
    ...LINK,
    metrics: LOADED,
    goals: [fasterBy(2), LOSES_NOTHING],
    isQuick: true,
  },
  {
    name: 'link-wire',
    title: 'bytes over a link, 1,000 topics, QoS 1, 64 B',
    kind: 'wire',
    load: TELEMETRY,
    ...LINK,
    metrics: ['wireBytes', 'lost'],
    goals: [atMost('wireBytes', 'ratio', 0.5), LOSES_NOTHING],
    isQuick: true,
  },
  {
    name: 'link-backlog',
    title: 'a backlog behind a cut link, QoS 1, 64 B',
    kind: 'backlog',
    load: TELEMETRY,
    ...LINK,
    metrics: ['drainS', 'drainPerSecond', 'residentMb', 'lost'],
    goals: [LOSES_NOTHING],
    isQuick: false,
  },
  {
    name: 'federation',
    title: 'local publish beside an idle link, QoS 1, 64 B',
    kind: 'steady',
    load: { ...PIPELINED, qos: 1, payloadBytes: 64 },
    ...FEDERATED,
    metrics: LOADED,
    goals: [atMost('cpuUs', 'ratio', 1.25), LOSES_NOTHING],
    isQuick: true,
  },
];
