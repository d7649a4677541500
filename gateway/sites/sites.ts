import type { Logger } from 'pino';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { type Desired, desiredIn, desiredKey } from '../fleet/index.ts';
import { Recovery, readCommitted, type SiteGroup, Transactor, type TransactorLimits } from '../transactions/index.ts';
import type { PeerId, Transport } from '../transport/index.ts';
import { Rpc } from '../transport/rpc/index.ts';
import { type SitesStatus, sitesStatus } from './fleet-status.ts';
import { RemoteSite } from './remote-site.ts';
import { type DeviceChange, type RolledOut, rollOut } from './roll-out.ts';
import { serveSite } from './site-server.ts';

/** Another site whose group may take part in a change. */
export interface OtherSite {
  site: string;
  /** The secret that the two sites share for this, and for nothing else. */
  linkKey: string;
  gateways: { name: string; host: string; port: number }[];
}

export interface SitesOptions {
  /** Name of this site. */
  site: string;
  /** Its group. */
  group: SiteGroup;
  /** See Agreement. */
  onLeadership: (listener: (fencingToken: number | undefined) => void) => () => void;
  decision: 'two-phase' | 'paxos';
  /** The others, and how to reach them. */
  others: readonly OtherSite[];
  transport?: Transport;
  clock: Clock;
  random: Random;
  log: Logger;
  limits?: Partial<TransactorLimits> & { sweepEveryMs?: number; retainMs?: number };
}

export interface FleetStatus extends SitesStatus {
  decision: 'two-phase' | 'paxos';
  /** What the recovery of this site has done since this gateway leads it; left out while it does not. */
  recovery?: Recovery['counters'];
}

const STATUS_TIMEOUT_MS = 2_000;

/** This site and the others that changes may go over: asks them, serves them, and, while it leads, settles what others have left. */
export class Sites {
  readonly #options: SitesOptions;
  readonly #groups: ReadonlyMap<string, SiteGroup>;
  readonly #transactor: Transactor;
  readonly #stopped = new AbortController();
  readonly #stops: (() => void)[] = [];
  #recovery: Recovery | undefined;
  /** The end of an earlier leadership's recovery. */
  #ending: Promise<void> = Promise.resolve();

  /** The transport has been started. */
  constructor(options: SitesOptions) {
    this.#options = options;
    this.#groups = new Map<string, SiteGroup>([[options.site, options.group], ...this.#remoteSites()]);
    const { decision, clock, random, limits } = options;
    this.#transactor = new Transactor({
      ...{ sites: this.#groups, decision, clock, random: random.fork('transactions') },
      ...(limits === undefined ? {} : { limits }),
    });
  }

  start(): void {
    this.#stops.push(this.#options.onLeadership((token) => this.#onLeadership(token)));
  }

  /** What is under way ends as it stands; recovery settles it. Safe twice. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    for (const stop of this.#stops.splice(0).reverse()) stop();
    this.#onLeadership(undefined);
    await this.#ending;
  }

  /** Of every site that may take part, this one in front. */
  get groups(): ReadonlyMap<string, SiteGroup> {
    return this.#groups;
  }

  get transactor(): Transactor {
    return this.#transactor;
  }

  /** See rollOut. */
  rollOut(changes: readonly DeviceChange[]): Promise<RolledOut> {
    const { site, clock, random } = this.#options;
    return rollOut(
      {
        ownSite: site,
        sites: this.#groups,
        transactor: this.#transactor,
        clock,
        random,
        signal: this.#stopped.signal,
      },
      changes,
    );
  }

  /**
   * What a device is to do; undefined when nothing was said. Rejects with TRANSACTION_IN_DOUBT while that is being changed,
   * with COORDINATION_REJECTED for a site that is not known, and as its group does.
   */
  async desired(site: string, device: string): Promise<Desired | undefined> {
    const group = this.#groups.get(site);
    if (group === undefined) throw new LatticeError('COORDINATION_REJECTED', `The site ${site} is not known here.`);
    const [found] = await readCommitted(group, [desiredKey(site, device)], { signal: this.#stopped.signal });
    return desiredIn(found);
  }

  async status(): Promise<FleetStatus> {
    const options = { timeoutMs: STATUS_TIMEOUT_MS, signal: this.#stopped.signal };
    const recovery = this.#recovery?.counters;
    return {
      decision: this.#options.decision,
      ...(await sitesStatus(this.#groups, options)),
      ...(recovery === undefined ? {} : { recovery: { ...recovery } }),
    };
  }

  #remoteSites(): [string, SiteGroup][] {
    const { transport, others, clock, random, log, group } = this.#options;
    if (transport === undefined || others.length === 0) return [];
    const rpc = new Rpc({ transport, clock, random: random.fork('calls'), log });
    const callers = new Set<PeerId>();
    const groups = others.map(({ site, linkKey, gateways }): [string, SiteGroup] => {
      const peers = gateways.map((gateway) => transport.setPeer({ ...gateway, site, siteKey: linkKey }));
      for (const peer of peers) callers.add(peer);
      const remote = random.fork(`site ${site}`);
      return [site, new RemoteSite({ site, gateways: peers, transport, rpc, clock, random: remote })];
    });
    this.#stops.push(() => rpc.stop(), serveSite(rpc, group, callers));
    return groups;
  }

  #onLeadership(token: number | undefined): void {
    const ended = this.#recovery;
    this.#recovery = undefined;
    if (ended !== undefined) this.#ending = Promise.all([this.#ending, ended.stop()]).then(() => {});
    if (token === undefined || this.#stopped.signal.aborted) return;
    const { site, clock, random, limits, log } = this.#options;
    this.#recovery = new Recovery({
      ...{ site, sites: this.#groups, clock, random: random.fork(`recovery ${token}`), ...limits },
      onTrouble: (trouble) =>
        log.warn({ code: codeOf(trouble), reason: messageOf(trouble) }, 'a change over several sites waits'),
    });
    this.#recovery.start();
  }
}
