import { join } from 'node:path';
import type { Logger } from 'pino';
import { type ErrorCode, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { TimeKind } from '../../core/mesh-time/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, repeat, type Timer } from '../../core/time/index.ts';
import type { ClockStatus, TimeTarget } from '../../core/wire/index.ts';
import type { Agreement, AgreementConfig } from '../agreement/index.ts';
import type { GatewayIdentity } from '../transport/index.ts';
import type { ClockConfig } from './config.ts';
import {
  CLOCK_NODE_DEFAULTS,
  type ClockEffect,
  type ClockEvent,
  ClockNode,
  type ClockNote,
  type SavedClock,
} from './core/index.ts';
import { MqttAnswers, noDeviceTimeCounts, UdpAnswers } from './devices/index.ts';
import { type ClockCarrier, mqttCarrier, type TimeTopics, transportCarrier } from './messages/index.ts';
import { NtpServer } from './ntp/index.ts';
import {
  addCounters,
  MqttProbes,
  ProbePaths,
  type ProbePeer,
  ProbeSocket,
  randomToken,
  TransportProbes,
} from './probe/index.ts';
import { NtpReference, SystemReference, type TimeReference } from './reference/index.ts';
import { type Role, RoleWatch } from './role.ts';
import { readSavedClock, writeSavedClock } from './saved-clock-file.ts';

export interface ClockServiceOptions {
  config: ClockConfig;
  agreementConfig: AgreementConfig;
  agreement: Agreement;
  own: GatewayIdentity;
  /** Every gateway of the site. */
  gateways: readonly string[];
  siteKey: string;
  dataDir: string;
  /** The way through the brokers. */
  topics: TimeTopics;
  clock: Clock;
  random: Random;
  log: Logger;
}

/** Mesh time at some moment, and what it hangs on. */
export interface MeshReading {
  ms: number;
  /** Infinite while the kind is none. */
  uncertaintyMs: number;
  kind: TimeKind;
}

/** The lowest that is still a time: another gateway may have been told of the reference. */
const STRATUM_UNKNOWN = 14;
/** Nothing is sent to it. */
const NO_ADDRESS = { host: '127.0.0.1', port: 0 };
const REFUSALS_LOOK_MS = 5_000;
/** Notes of refusals are told so often at most; the counters tell the rest. */
const REFUSAL_LOG_MS = 60_000;

/** Runs the clock of this gateway: its node, the probes, the messages, the reference outside, and what it keeps on disk. */
export class ClockService {
  readonly #options: ClockServiceOptions;
  readonly #boot = randomToken();
  readonly #path: string;
  readonly #carrier: ClockCarrier;
  readonly #socket: ProbeSocket;
  readonly #carried: (TransportProbes | MqttProbes)[];
  readonly #probes: ProbePaths;
  readonly #reference: TimeReference | undefined;
  readonly #ntp: NtpServer | undefined;
  readonly #deviceAnswers: UdpAnswers | undefined;
  readonly #questions: MqttAnswers;
  readonly #role: RoleWatch;
  #node: ClockNode | undefined;
  #timer: Timer | undefined;
  #stops: (() => void)[] = [];
  #saving: Promise<void> = Promise.resolve();
  #refusalsTold = new Map<string, number>();
  #isStopped = false;

  constructor(options: ClockServiceOptions) {
    const { config, agreement, agreementConfig, own, siteKey, dataDir, topics, clock, random, log } = options;
    this.#options = options;
    this.#path = join(dataDir, 'clock.json');
    const { transport } = agreement;
    this.#carrier = transport === undefined ? mqttCarrier(topics, own, siteKey) : transportCarrier(transport);
    const end = { own, boot: this.#boot, clock, siteKey };
    this.#socket = new ProbeSocket({ ...end, listen: probeListen(config, agreementConfig), random, log });
    const tcp = transport === undefined ? [] : [new TransportProbes({ ...end, transport })];
    const mqtt = new MqttProbes({
      ...end,
      publish: (topic, payload) => topics.publish(topic, payload),
      onMessage: (topic, listener) => topics.onMessage(topic, listener),
    });
    this.#carried = [...tcp, mqtt];
    this.#probes = new ProbePaths({
      sources: [
        { path: 'udp', source: this.#socket },
        ...tcp.map((source) => ({ path: 'tcp' as const, source })),
        { path: 'mqtt', source: mqtt },
      ],
      clock,
    });
    this.#reference = referenceOf(config, { clock, random: random.fork('reference'), log });
    this.#ntp =
      config.ntp &&
      new NtpServer({ ...config.ntp, clock, log, meshAt: (monotonicMs) => this.#ntpReading(monotonicMs) });
    const answers = { name: own.name, clock, meshAt: (monotonicMs: number) => this.meshAt(monotonicMs) };
    const { listen } = config.devices;
    this.#deviceAnswers = listen && new UdpAnswers({ ...answers, siteKey, listen });
    this.#questions = new MqttAnswers({ ...answers, gateways: options.gateways });
    this.#role = new RoleWatch(agreement, own.name, clock, (role) => this.#onRole(role));
  }

  /** Rejects with PORT_TAKEN or PORT_UNUSABLE. */
  async start(): Promise<void> {
    const { clock } = this.#options;
    const saved = await readSavedClock(this.#path);
    this.#node = this.#newNode(saved);
    await this.#socket.start();
    for (const probes of this.#carried) probes.start();
    this.#stops = [
      this.#probes.onExchange(({ peer, boot, path, ...exchange }) =>
        this.#do({ type: 'exchange', peer, boot, path, exchange }),
      ),
      this.#carrier.onMessage((from, message) => this.#do({ type: 'message', from, message })),
    ];
    if (this.#reference !== undefined) {
      const stop = this.#reference.onSample(({ atMonotonicMs: atMs, utcMs, uncertaintyMs }) =>
        this.#do({ type: 'reference', atMs, utcMs, uncertaintyMs }),
      );
      this.#stops.push(stop);
      await this.#reference.start();
    }
    await this.#ntp?.start();
    await this.#deviceAnswers?.start();
    this.#role.start();
    const looking = repeat(clock, REFUSALS_LOOK_MS, () => this.#tellRefusedProbes());
    this.#stops.push(() => looking.cancel());
    this.#arm(clock.monotonicMs());
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#role.stop();
    for (const stop of this.#stops.splice(0)) stop();
    for (const probes of this.#carried) probes.stop();
    await Promise.all([
      this.#socket.stop(),
      this.#reference?.stop(),
      this.#ntp?.stop(),
      this.#deviceAnswers?.stop(),
      this.#saving,
    ]);
  }

  /** Where probes are answered, once started. */
  get probePort(): number | undefined {
    return this.#socket.port;
  }

  get ntpPort(): number | undefined {
    return this.#ntp?.address.port;
  }

  /** The answer to a device's question for the time that came by MQTT; undefined when it was none. */
  answer(topic: string, payload: Uint8Array): { topic: string; payload: string } | undefined {
    return this.#questions.answer(topic, payload, this.#options.clock.monotonicMs());
  }

  meshAt(monotonicMs: number): MeshReading {
    const node = this.#node;
    if (node === undefined || node.clock.kind === 'none') {
      const { clock } = this.#options;
      const ms = clock.wallMs() - clock.monotonicMs() + monotonicMs;
      return { ms, uncertaintyMs: Number.POSITIVE_INFINITY, kind: 'none' };
    }
    return { ...node.at(monotonicMs), kind: node.clock.kind };
  }

  /** Mesh time now, or the machine's while there is none: for stamps. */
  wallMs(): number {
    return this.meshAt(this.#options.clock.monotonicMs()).ms;
  }

  /** Infinite while there is no mesh time. */
  uncertaintyMs(): number {
    return this.meshAt(this.#options.clock.monotonicMs()).uncertaintyMs;
  }

  /** A person sets the mesh's time. Throws TIME_NOT_MASTER or TIME_NO_REFERENCE. */
  set(to: TimeTarget): ClockStatus {
    const { clock, log } = this.#options;
    const nowMs = clock.monotonicMs();
    const node = this.#node;
    if (node === undefined || !node.isMaster) {
      const master = node?.status(nowMs).master;
      const hint = master === undefined ? 'No gateway leads now.' : `${master} leads.`;
      throw new LatticeError('TIME_NOT_MASTER', `This gateway does not lead its site. ${hint}`);
    }
    const reference = node.referenceNow(nowMs);
    if (to === 'reference' && reference === undefined) {
      throw new LatticeError('TIME_NO_REFERENCE', 'This gateway has heard of no reference outside lately.');
    }
    const beforeMs = node.at(nowMs).ms;
    const ms = to === 'reference' ? (reference?.ms ?? beforeMs) : to === 'wall' ? clock.wallMs() : to;
    const isAbsolute = to === 'reference' && reference !== undefined;
    const uncertaintyMs = isAbsolute ? reference.uncertaintyMs : 0;
    log.warn({ to, byMs: ms - beforeMs }, "a person sets the mesh's time");
    this.#do({ type: 'set', shownMs: ms, uncertaintyMs, kind: isAbsolute ? 'absolute' : 'relative' });
    return this.status();
  }

  status(): ClockStatus {
    const { clock, config } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#node === undefined) throw new LatticeError('INTERNAL', 'The clock was asked before it was started.');
    const status = this.#node.status(nowMs);
    const { uncertaintyMs, master, correctionMs, refused, members, ...rest } = status;
    const reference = this.#reference?.state();
    return {
      ...rest,
      ...defined({ uncertaintyMs: Number.isFinite(uncertaintyMs) ? uncertaintyMs : undefined, master, correctionMs }),
      aheadOfWallMs: status.ms - clock.wallMs(),
      uncertaintyMsMax: config.uncertaintyMsMax,
      refused: this.#refusals(refused),
      members: members.map((member) => defined(member) as ClockStatus['members'][number]),
      ...(reference === undefined ? {} : { reference }),
    };
  }

  /** What was refused, by reason, of messages and probes of gateways and of questions of devices. */
  #refusals(messages: Record<string, number>): Record<string, number> {
    const probes = this.#carried.reduce((sum, source) => addCounters(sum, source.counters()), this.#socket.counters());
    const devices = [this.#questions.counts, this.#deviceAnswers?.counts ?? noDeviceTimeCounts()];
    const all: Record<string, number>[] = [
      messages,
      probes.refused,
      // A receipt that waited for the event loop says nothing about the way.
      { lag: probes.rejectedLag },
      ...devices.map(({ malformed, forged, replayed }) => ({ malformed, forged, replayed })),
    ];
    const sums: Record<string, number> = {};
    for (const [reason, count] of all.flatMap((counts) => Object.entries(counts))) {
      sums[reason] = (sums[reason] ?? 0) + count;
    }
    return sums;
  }

  #newNode(saved: SavedClock | undefined): ClockNode {
    const { config, own, clock } = this.#options;
    const { roundMs, probesPerRound, average, gammaMs, trusted, uncertaintyMsMax } = config;
    const options = { ...CLOCK_NODE_DEFAULTS, roundMs, probesPerRound, average, gammaMs, trusted, uncertaintyMsMax };
    const start = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs(), saved };
    return new ClockNode({ ...options, name: own.name, boot: this.#boot }, start);
  }

  #onRole({ peers, ...role }: Role): void {
    const { config, own } = this.#options;
    const known = new Map<string, ProbePeer>([...peers, ...config.peers].map((peer) => [peer.name, peer]));
    // Who has no address that is known (through etcd) is still measured by the paths that need none.
    const others = role.members.filter((name) => name !== own.name);
    this.#probes.setPeers(others.map((name) => known.get(name) ?? { name, ...NO_ADDRESS }));
    this.#do({ type: 'role', ...role });
  }

  #do(event: ClockEvent): void {
    const node = this.#node;
    if (node === undefined || this.#isStopped) return;
    const nowMs = this.#options.clock.monotonicMs();
    const dueMs = node.nextDueMs;
    for (const effect of node.step(event, nowMs)) this.#carryOut(effect);
    if (node.nextDueMs !== dueMs) this.#arm(nowMs);
  }

  #arm(nowMs: number): void {
    const { clock } = this.#options;
    this.#timer?.cancel();
    if (this.#isStopped || this.#node === undefined) return;
    // A timer may come a little early: then it is set again, a millisecond on.
    this.#timer = clock.setTimer(Math.max(1, this.#node.nextDueMs - nowMs), () => {
      this.#do({ type: 'tick' });
      this.#arm(clock.monotonicMs());
    });
  }

  #carryOut(effect: ClockEffect): void {
    switch (effect.type) {
      case 'send':
        this.#carrier.send(effect.to, effect.message);
        break;
      case 'probe':
        this.#probes.probe(effect.peer, effect.count, effect.spacingMs);
        break;
      case 'save':
        this.#save(effect.saved);
        break;
      case 'note':
        this.#tell(effect.note);
        break;
    }
  }

  #save(saved: SavedClock): void {
    const { log } = this.#options;
    this.#saving = this.#saving
      .then(() => writeSavedClock(this.#path, saved))
      .catch((error: unknown) =>
        log.warn({ reason: messageOf(error) }, 'the frequency of the clock could not be kept'),
      );
  }

  #tell(note: ClockNote): void {
    const { log, config } = this.#options;
    switch (note.kind) {
      case 'synchronised':
        log.info(note, 'follows the time of the mesh');
        break;
      case 'set':
        log.warn(note, "the mesh's time was set by a person");
        break;
      case 'refused':
        this.#tellRefusal(note.from, note.reason, note);
        break;
      case 'disagreement':
        log.warn({ code: 'CLOCK_DISAGREEMENT' satisfies ErrorCode, ...note }, 'no majority of the clocks agrees');
        break;
      case 'uncertain':
        log.error(
          { code: 'CLOCK_UNCERTAIN' satisfies ErrorCode, ...note, uncertaintyMsMax: config.uncertaintyMsMax },
          'the time of the mesh is not known well enough',
        );
        break;
      case 'certain':
        log.info(note, 'the time of the mesh is known well enough again');
        break;
    }
  }

  /** Probes are refused in their own thread, which keeps who sent them. */
  #tellRefusedProbes(): void {
    const sinceMs = this.#options.clock.monotonicMs() - 2 * REFUSALS_LOOK_MS;
    const refusals = [this.#socket, ...this.#carried].flatMap((source) => source.refusals());
    for (const { reason, address, claims, detail, count, lastMs } of refusals) {
      if (lastMs >= sinceMs) this.#tellRefusal(address, reason, { reason, address, claims, detail, count });
    }
  }

  /** Of each sender and reason once a minute. */
  #tellRefusal(from: string, reason: string, details: object): void {
    const { log, clock } = this.#options;
    const key = `${from} ${reason}`;
    const nowMs = clock.monotonicMs();
    if (nowMs - (this.#refusalsTold.get(key) ?? Number.NEGATIVE_INFINITY) < REFUSAL_LOG_MS) return;
    if (this.#refusalsTold.size > 1_000) this.#refusalsTold.clear();
    this.#refusalsTold.set(key, nowMs);
    log.warn(
      { code: 'CLOCK_MESSAGE_REFUSED' satisfies ErrorCode, ...details },
      'a message or a probe about time was refused',
    );
  }

  #ntpReading(monotonicMs: number) {
    const { ms, uncertaintyMs, kind } = this.meshAt(monotonicMs);
    if (kind === 'none') return { kind };
    const referenceStratum = this.#reference?.state().stratum ?? STRATUM_UNKNOWN;
    return kind === 'absolute' ? { kind, ms, uncertaintyMs, referenceStratum } : { kind, ms, uncertaintyMs };
  }
}

function probeListen(config: ClockConfig, agreement: AgreementConfig): { host: string; port: number } {
  if (config.probe !== undefined) return config.probe;
  return agreement.driver === 'raft' ? agreement.listen : { host: '127.0.0.1', port: 0 };
}

function referenceOf(
  { reference }: ClockConfig,
  deps: { clock: Clock; random: Random; log: Logger },
): TimeReference | undefined {
  switch (reference?.kind) {
    case 'ntp':
      return new NtpReference({ ...deps, config: reference });
    case 'system':
      return new SystemReference({ ...deps, config: reference });
    default:
      return undefined;
  }
}

/** Without the fields that have no value. */
function defined<T extends object>(fields: T): { [Key in keyof T]?: Exclude<T[Key], undefined> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Key in keyof T]?: Exclude<T[Key], undefined> };
}
