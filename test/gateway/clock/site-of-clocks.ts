import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { seededRandom } from '../../../core/random/index.ts';
import { type Clock, systemClock } from '../../../core/time/index.ts';
import type { AgreementStatus } from '../../../core/wire/index.ts';
import type { Agreement } from '../../../gateway/agreement/index.ts';
import { ClockService, clockConfigSchema, type TimeTopics } from '../../../gateway/clock/index.ts';
import { freePorts } from '../../support/free-port.ts';
import { MemoryNetwork } from '../../support/memory-transport.ts';

const SITE = 'home';
const SITE_KEY = 'the key of a site, for tests';

/** How the gateways agree, as the test says: who leads, by a word. */
class SaidAgreement {
  readonly driver = 'raft';
  readonly transport;
  readonly #isByMqtt: boolean;
  readonly #site: ClockSite;
  readonly #name: string;
  #listener: (token: number | undefined) => void = () => {};

  constructor(site: ClockSite, name: string, transport: Agreement['transport']) {
    this.#site = site;
    this.#name = name;
    this.transport = transport;
    this.#isByMqtt = transport === undefined;
  }

  async status(): Promise<AgreementStatus> {
    const { leader, term, ports, names } = this.#site;
    const members = names.map((name, at) => ({
      ...{ name, role: 'voter' as const },
      ...(this.#isByMqtt ? {} : { address: `127.0.0.1:${ports[at]}` }),
    }));
    return { driver: 'raft', role: leader === this.#name ? 'leader' : 'follower', leader, term, revision: 0, members };
  }

  onLeadership(listener: (token: number | undefined) => void): () => void {
    this.#listener = listener;
    this.tell();
    return () => {
      this.#listener = () => {};
    };
  }

  onMembers(listener: (names: string[]) => void): () => void {
    listener([...this.#site.names]);
    return () => {};
  }

  tell(): void {
    const { leader, term } = this.#site;
    this.#listener(leader === this.#name ? term : undefined);
  }
}

export interface SiteClock {
  service: ClockService;
  agreement: SaidAgreement;
}

interface AddOptions {
  time?: Record<string, unknown>;
  /** The wall clock is so far ahead. */
  aheadMs?: number;
  /** By MQTT alone, as with etcd: no address of the others is known, and there is no transport. */
  isByMqtt?: boolean;
}

/** Clock services of one site in this process: real sockets and threads, and a leader that the test names. */
export class ClockSite {
  readonly names: string[];
  ports: number[] = [];
  leader = '';
  term = 0;
  folder = '';
  /** What the services have said, warnings and errors alone. */
  readonly logged: string[] = [];
  readonly clocks = new Map<string, SiteClock>();
  readonly #network = new MemoryNetwork(systemClock);
  readonly #topics = new Map<string, Set<(payload: Uint8Array) => void>>();

  constructor(names: string[]) {
    this.names = [...names];
  }

  async open(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'lattice-clocks-'));
    this.ports = await freePorts(this.names.length);
  }

  async add(name: string, { time = {}, aheadMs = 0, isByMqtt = false }: AddOptions = {}): Promise<ClockService> {
    const own = { site: SITE, name };
    const clock: Clock = {
      monotonicMs: () => systemClock.monotonicMs(),
      wallMs: () => systemClock.wallMs() + aheadMs,
      setTimer: (delayMs, callback) => systemClock.setTimer(delayMs, callback),
    };
    const transport = isByMqtt ? undefined : this.#network.transport(own);
    for (const peer of this.names) if (peer !== name) transport?.setPeer({ name: peer, host: '127.0.0.1', port: 1 });
    await transport?.start();
    const agreement = new SaidAgreement(this, name, transport);
    const port = this.ports[this.names.indexOf(name)] as number;
    const service = new ClockService({
      config: clockConfigSchema.parse({ roundMs: 200, ...(isByMqtt ? { probe: { port: 0 } } : {}), ...time }),
      agreementConfig: { driver: 'raft', listen: { host: '127.0.0.1', port } } as never,
      agreement: agreement as unknown as Agreement,
      ...{ own, gateways: this.names, siteKey: SITE_KEY, dataDir: this.folder, topics: this.#topicsOf() },
      ...{
        clock,
        random: seededRandom(name),
        log: pino({ level: 'warn' }, { write: (line) => this.logged.push(line) }),
      },
    });
    this.clocks.set(name, { service, agreement });
    await service.start();
    return service;
  }

  lead(name: string): void {
    this.leader = name;
    this.term += 1;
    for (const { agreement } of this.clocks.values()) agreement.tell();
  }

  async remove(name: string): Promise<void> {
    await this.clocks.get(name)?.service.stop();
    this.clocks.delete(name);
  }

  async close(): Promise<void> {
    for (const name of [...this.clocks.keys()]) await this.remove(name);
    await rm(this.folder, { recursive: true, force: true });
  }

  /** How far the clocks are apart at one moment. */
  spreadMs(): number {
    const atMs = systemClock.monotonicMs();
    const all = [...this.clocks.values()].map(({ service }) => service.meshAt(atMs).ms);
    return Math.max(...all) - Math.min(...all);
  }

  /** A broker of one topic each. */
  #topicsOf(): TimeTopics {
    return {
      publish: (topic, payload) => {
        const copy = Uint8Array.from(payload);
        setImmediate(() => {
          for (const listener of this.#topics.get(topic) ?? []) listener(copy);
        });
        return true;
      },
      onMessage: (topic, listener) => {
        const listeners = this.#topics.get(topic) ?? new Set();
        this.#topics.set(topic, listeners.add(listener));
        return () => listeners.delete(listener);
      },
    };
  }
}
