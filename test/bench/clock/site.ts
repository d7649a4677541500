import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../support/free-port.ts';
import { endWithParent } from '../processes.ts';
import type { ClockFaults, FromMember, MemberReading, MemberSpec, Sample, ToMember } from './member-spec.ts';

const MEMBER = fileURLToPath(new URL('./member.ts', import.meta.url));
/** Nobody answers there: port 9, discard, of a machine that has no such service. */
const NOBODY = 9;
const TIMEOUT_MS = 30_000;

/** Over which path the clocks of a site are measured. */
export type Path = 'udp' | 'tcp' | 'mqtt';

/** One member of a site that is started. */
export interface MemberOptions {
  name: string;
  /** Ahead of this machine's wall clock. */
  wallAheadMs?: number;
  ntpPort?: number;
  /** What runs Node, as faketime does: program and arguments before it. */
  wrapper?: readonly string[];
  env?: Record<string, string>;
}

export interface SiteOptions {
  folder: string;
  path: Path;
  members: readonly MemberOptions[];
  brokerUrl?: string;
  seed?: string;
  /** Where members send the probes for one that answers at this port, over UDP. Default: there. */
  route?: (port: number) => Promise<number>;
}

/** A member that runs as a process of its own. */
export class Member {
  readonly name: string;
  readonly samples: Sample[] = [];
  faults: ClockFaults = { backwards: 0, offRate: 0, worstMs: 0 };
  readonly #child: ChildProcess;
  readonly #asked = new Map<number, PromiseWithResolvers<MemberReading[]>>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #synchronised = Promise.withResolvers<void>();
  readonly #exited: Promise<unknown>;
  #asks = 0;

  constructor(spec: MemberSpec, { wrapper = [], env = {} }: Pick<MemberOptions, 'wrapper' | 'env'>) {
    this.name = spec.name;
    const [program = process.execPath, ...args] = [...wrapper, process.execPath, MEMBER, JSON.stringify(spec)];
    this.#child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      env: { ...process.env, ...env },
    });
    this.#exited = once(this.#child, 'exit');
    this.#child.once('exit', endWithParent(this.#child.pid as number));
    this.#child.once('exit', (code, signal) => {
      const ended = new Error(`${this.name} ended: ${signal ?? code}`);
      this.#ready.reject(ended);
      this.#synchronised.reject(ended);
      for (const { reject } of this.#asked.values()) reject(ended);
    });
    for (const { promise } of [this.#ready, this.#synchronised]) promise.catch(() => {});
    this.#child.on('message', (message: FromMember) => this.#onMessage(message));
  }

  get isUp(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Rejects when it ends before that. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** Mesh time is known. */
  get synchronised(): Promise<void> {
    return this.#synchronised.promise;
  }

  tell(message: ToMember): void {
    if (this.isUp) this.#child.send(message);
  }

  /** Its mesh time at those moments of its monotonic clock. Rejects when it ends before it answers. */
  readAt(atMs: number[]): Promise<MemberReading[]> {
    if (!this.isUp) return Promise.reject(new Error(`${this.name} has ended.`));
    const id = ++this.#asks;
    const asked = Promise.withResolvers<MemberReading[]>();
    this.#asked.set(id, asked);
    this.tell({ type: 'read', id, atMs });
    return asked.promise;
  }

  /** Its mesh time at a moment between asking and the answer. */
  async read(): Promise<MemberReading> {
    const [reading] = await this.readAt([]);
    return reading as MemberReading;
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  #onMessage(message: FromMember): void {
    switch (message.type) {
      case 'ready':
        this.#ready.resolve();
        break;
      case 'synchronised':
        this.#synchronised.resolve();
        break;
      case 'samples':
        this.samples.push(...message.samples);
        this.faults = message.faults;
        break;
      case 'reading':
        this.#asked.get(message.id)?.resolve(message.readings);
        this.#asked.delete(message.id);
        break;
    }
  }
}

/** The clocks of some gateways, each a process, whose agreement is what it is told. */
export class ClockSite {
  readonly members: readonly Member[];
  #term = 0;
  #master: string | undefined;

  private constructor(members: readonly Member[]) {
    this.members = members;
  }

  /** Nobody leads yet. */
  static async start(options: SiteOptions): Promise<ClockSite> {
    const specs = await specsOf(options);
    const site = new ClockSite(specs.map((spec, at) => new Member(spec, options.members[at] as MemberOptions)));
    try {
      await within(Promise.all(site.members.map(({ ready }) => ready)), 'the members to start');
    } catch (error) {
      await site.stop();
      throw error;
    }
    return site;
  }

  member(name: string): Member {
    const found = this.members.find((member) => member.name === name);
    if (found === undefined) throw new RangeError(`There is no member ${name}.`);
    return found;
  }

  get master(): string | undefined {
    return this.#master;
  }

  /** One leads from now on, in a new term. */
  lead(name: string): void {
    this.#term += 1;
    this.#master = name;
    for (const member of this.members) member.tell({ type: 'role', term: this.#term, leader: name });
  }

  async synchronised(): Promise<void> {
    await within(Promise.all(this.members.map((member) => member.synchronised)), 'all members to know mesh time');
  }

  block(isOn: boolean): void {
    for (const member of this.members) member.tell({ type: 'block', isOn });
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map((member) => (member.isUp ? member.kill() : undefined)));
  }
}

async function specsOf({ folder, path, members, brokerUrl, seed = '1', route }: SiteOptions): Promise<MemberSpec[]> {
  const names = members.map(({ name }) => name);
  const ports = await freePorts(2 * names.length);
  const places = names.map((name, at) => ({ name, probe: ports[2 * at] as number, tcp: ports[2 * at + 1] as number }));
  return Promise.all(
    members.map(async ({ name, wallAheadMs = 0, ntpPort }, at) => {
      const { probe: probePort, tcp } = places[at] as (typeof places)[number];
      const others = places.filter((place) => place.name !== name);
      const dataDir = join(folder, name);
      await mkdir(dataDir, { recursive: true });
      const portOf = async (port: number): Promise<number> =>
        path === 'udp' ? ((await route?.(port)) ?? port) : NOBODY;
      const probePeers = others.map(async (other) => ({ name: other.name, port: await portOf(other.probe) }));
      const transport = { port: tcp, peers: others.map((other) => ({ name: other.name, port: other.tcp })) };
      return {
        ...{ name, members: names, dataDir, probePort, wallAheadMs, seed },
        probePeers: await Promise.all(probePeers),
        ...(path === 'mqtt' ? {} : { transport }),
        ...(brokerUrl === undefined ? {} : { brokerUrl }),
        ...(ntpPort === undefined ? {} : { ntpPort }),
      };
    }),
  );
}

async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`Waited ${TIMEOUT_MS} ms for ${what}.`)), TIMEOUT_MS);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
