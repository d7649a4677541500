import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { LogFs } from '../../core/log/index.ts';
import { seededRandom } from '../../core/random/index.ts';
import { systemClock } from '../../core/time/index.ts';
import { GroupNode, type GroupNodeOptions } from '../../gateway/consensus/index.ts';
import { GroupMachine, RaftCoordinator } from '../../gateway/coordination/drivers/raft/index.ts';
import { TcpTransport } from '../../gateway/transport/index.ts';
import { eventually } from './eventually.ts';
import { ShiftedClock } from './shifted-clock.ts';

const HOME = { site: 'home', siteKey: 'the key of a site, for tests' };

/** One gateway's part in the group of a site, on a real disk and real sockets, in this process. */
export interface SiteMember {
  name: string;
  group: GroupNode;
  machine: GroupMachine;
  coordinator: RaftCoordinator;
  transport: TcpTransport;
  /** The connections end and the port refuses, as when the process is killed; nothing is written any more. */
  kill(): Promise<void>;
}

export type SiteOptions = Partial<Omit<GroupNodeOptions, 'name' | 'directory' | 'initialMembers'>> & {
  /** The disk of a member; the real one unless given. */
  fsOf?: (name: string) => LogFs | undefined;
  /** How far the wall clock of a member is ahead, as its transport sees it; 0 unless given. */
  aheadMsOf?: (name: string) => number;
};
/** Which site it is, and the key of its own. */
export type SiteIdentity = typeof HOME;

const DISKS = 'disks/';

/** A site of some gateways that agree by their own Raft group. */
export class RaftSite {
  readonly folder: string;
  readonly members = new Map<string, SiteMember>();
  readonly #addresses = new Map<string, string>();
  readonly #options: SiteOptions;
  readonly #identity: SiteIdentity;
  readonly #cuts = new Set<string>();
  #initial: string[] = [];

  constructor(folder: string, options: SiteOptions = {}, identity: SiteIdentity = HOME) {
    this.folder = folder;
    this.#options = options;
    this.#identity = identity;
  }

  static async start(count: number, options: SiteOptions = {}, identity = HOME): Promise<RaftSite> {
    const site = new RaftSite(await mkdtemp(join(tmpdir(), 'lattice-raft-')), options, identity);
    site.#initial = Array.from({ length: count }, (_, at) => `gateway-${at + 1}`);
    const transports = await Promise.all(site.#initial.map((name) => site.#openTransport(name)));
    await Promise.all(site.#initial.map((name, at) => site.#startMember(name, transports[at] as TcpTransport)));
    return site;
  }

  /** Starts a member again on what it left, or a new one that waits to be taken in. */
  async startMember(name: string): Promise<SiteMember> {
    const transport = await this.#openTransport(name);
    return this.#startMember(name, transport);
  }

  addressOf(name: string): string {
    return this.#addresses.get(name) as string;
  }

  get all(): SiteMember[] {
    return [...this.members.values()];
  }

  member(name: string): SiteMember {
    return this.members.get(name) as SiteMember;
  }

  async leader(): Promise<SiteMember> {
    return eventually(() => {
      const found = this.all.find(({ group }) => group.status?.role === 'StateLeader');
      if (found === undefined) throw new Error('There is no leader.');
      return found;
    });
  }

  /** Frames and streams between the two are lost, both ways, and nobody is told. */
  cut(one: string, other: string): void {
    this.#cuts.add(`${one} ${other}`).add(`${other} ${one}`);
  }

  mend(): void {
    this.#cuts.clear();
  }

  /** Lets all know the disk of a member, as the gateways do. */
  async registerDisk({ group, coordinator }: SiteMember): Promise<void> {
    await eventually(() => coordinator.put(`${DISKS}${group.status?.id ?? 0}`, group.disk as string));
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map((member) => member.kill()));
    await rm(this.folder, { recursive: true, force: true });
  }

  async #openTransport(name: string): Promise<TcpTransport> {
    const port = Number(this.#addresses.get(name)?.split(':')[1] ?? 0);
    const transport = new TcpTransport({
      own: { site: this.#identity.site, name },
      siteKey: this.#identity.siteKey,
      listen: { host: '127.0.0.1', port },
      clock: new ShiftedClock(this.#options.aheadMsOf?.(name) ?? 0),
      random: seededRandom(`${name} transport`),
      log: pino({ level: 'silent' }),
    });
    const send = transport.send.bind(transport);
    const sendStream = transport.sendStream.bind(transport);
    const isCut = (peer: string): boolean => this.#cuts.has(`${name} ${peer}`);
    transport.send = (peer, channel, bytes) => isCut(peer) || send(peer, channel, bytes);
    transport.sendStream = (peer, ...rest) =>
      isCut(peer) ? Promise.reject(new Error('The network is cut.')) : sendStream(peer, ...rest);
    await transport.start();
    this.#addresses.set(name, `127.0.0.1:${transport.address.port}`);
    return transport;
  }

  async #startMember(name: string, transport: TcpTransport): Promise<SiteMember> {
    const random = seededRandom(`${name} ${process.hrtime.bigint()}`);
    const machine = new GroupMachine({ client: `leader-${name}-${random.below(2 ** 32)}` });
    const initialMembers = this.#initial.map((each) => ({ name: each, address: this.addressOf(each) }));
    const { fsOf, aheadMsOf: _, ...options } = this.#options;
    const fs = fsOf?.(name);
    const group = new GroupNode(
      { name, directory: join(this.folder, name), initialMembers, ...options },
      {
        ...{ clock: systemClock, random, log: pino({ level: 'silent' }), transport, machine, duties: machine },
        diskOf: (id) => machine.state.query({ key: `${DISKS}${id}` }).keyValues[0]?.value,
        ...(fs === undefined ? {} : { fs }),
      },
    );
    const coordinator = new RaftCoordinator({ group, machine, random });
    const member: SiteMember = {
      ...{ name, group, machine, coordinator, transport },
      kill: async () => {
        await transport.stop();
        await coordinator.close();
        await group.stop();
        this.members.delete(name);
      },
    };
    this.members.set(name, member);
    await group.start();
    return member;
  }
}
