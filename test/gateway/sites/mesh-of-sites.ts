import { pino } from 'pino';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import { type OtherSite, Sites } from '../../../gateway/sites/index.ts';
import { parseAddress } from '../../../gateway/transport/index.ts';
import { RaftSite, type SiteMember } from '../../support/raft-site.ts';

const LIMITS = {
  prepareWithinMs: 2_000,
  finishWithinMs: 5_000,
  requestTimeoutMs: 1_500,
  decideWithinMs: 2_500,
  sweepEveryMs: 200,
};

/** The secret of two sites, in whatever order they are named. */
export const linkKeyOf = (one: string, other: string): string => `the link of ${[one, other].toSorted().join(' and ')}`;

/** Sites of real gateways with keys of their own, whose groups take part in changes over all of them. */
export class MeshOfSites {
  readonly names: readonly string[];
  readonly decision: 'two-phase' | 'paxos';
  readonly groups = new Map<string, RaftSite>();
  readonly #sites = new Map<string, Sites>();

  private constructor(names: readonly string[], decision: 'two-phase' | 'paxos') {
    this.names = names;
    this.decision = decision;
  }

  static async start(
    names: readonly string[],
    decision: 'two-phase' | 'paxos',
    { gateways = 3, opened = names }: { gateways?: number; opened?: readonly string[] } = {},
  ): Promise<MeshOfSites> {
    const mesh = new MeshOfSites(names, decision);
    for (const site of names) {
      mesh.groups.set(site, await RaftSite.start(gateways, {}, { site, siteKey: `the key of the site ${site}` }));
    }
    for (const site of opened) for (const member of mesh.group(site).all) mesh.open(site, member);
    await Promise.all(names.map((site) => mesh.group(site).leader()));
    return mesh;
  }

  group(site: string): RaftSite {
    return this.groups.get(site) as RaftSite;
  }

  /** The part of one gateway. */
  sitesOf(site: string, gateway = 'gateway-1'): Sites {
    return this.#sites.get(`${site}/${gateway}`) as Sites;
  }

  /** Gives a gateway that has been started its part. */
  open(site: string, member: SiteMember): Sites {
    const others = this.names.filter((name) => name !== site);
    const sites = new Sites({
      site,
      group: member.coordinator,
      onLeadership: (listener) => {
        const tell = (): void => {
          const { role, term } = member.group.status ?? {};
          listener(role === 'StateLeader' ? term : undefined);
        };
        member.group.on('role', tell);
        tell();
        return () => member.group.off('role', tell);
      },
      decision: this.decision,
      others: others.map((other) => this.#other(other, linkKeyOf(site, other))),
      transport: member.transport,
      clock: systemClock,
      random: seededRandom(`${site} ${member.name} ${process.hrtime.bigint()}`),
      log: pino({ level: 'silent' }),
      limits: LIMITS,
    });
    sites.start();
    this.#sites.set(`${site}/${member.name}`, sites);
    return sites;
  }

  /** As SIGKILL: from one moment to the next nothing of it is heard or written any more. */
  async kill(site: string, gateway: string): Promise<void> {
    const sites = this.sitesOf(site, gateway);
    this.#sites.delete(`${site}/${gateway}`);
    await Promise.all([this.group(site).member(gateway).kill(), sites.stop()]);
  }

  async killSite(site: string): Promise<string[]> {
    const gateways = this.group(site).all.map(({ name }) => name);
    await Promise.all(gateways.map((gateway) => this.kill(site, gateway)));
    return gateways;
  }

  async restart(site: string, gateways: string[]): Promise<void> {
    const members = await Promise.all(gateways.map((gateway) => this.group(site).startMember(gateway)));
    for (const member of members) this.open(site, member);
  }

  /** Calls back once, when a key with that prefix is written at the site, as one of its gateways sees it. */
  onWrite(site: string, gateway: string, prefix: string, react: () => void): void {
    let isOver = false;
    this.group(site)
      .member(gateway)
      .group.on('changed', (_index, change) => {
        const { events } = change as { events: ({ keyValue: { key: string } } | { key: string })[] };
        const keys = events.map((event) => ('keyValue' in event ? event.keyValue.key : event.key));
        if (isOver || !keys.some((key) => key.startsWith(prefix))) return;
        isOver = true;
        react();
      });
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sites.values()].map((sites) => sites.stop()));
    await Promise.all([...this.groups.values()].map((group) => group.stop()));
  }

  #other(site: string, linkKey: string): OtherSite {
    const group = this.group(site);
    const gateways = [1, 2, 3].map((at) => `gateway-${at}`).filter((name) => group.addressOf(name) !== undefined);
    return {
      site,
      linkKey,
      gateways: gateways.map((name) => ({ name, ...parseAddress(group.addressOf(name)) })),
    };
  }
}
