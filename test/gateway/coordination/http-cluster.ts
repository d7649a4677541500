import type { FastifyInstance } from 'fastify';
import { Authenticator, hashPassword } from '../../../core/identity/index.ts';
import { seededRandom } from '../../../core/random/index.ts';
import { systemClock } from '../../../core/time/index.ts';
import type { Agreement } from '../../../gateway/agreement/index.ts';
import { createApi, type TimeService } from '../../../gateway/api/index.ts';
import { GatewaysCaller, HttpCoordinator, type HttpTarget } from '../../../gateway/coordination/drivers/http/index.ts';
import { RaftSite, type SiteMember } from '../../support/raft-site.ts';

const SITE_KEY = 'the key of a site, for tests';
export const OPERATOR = { username: 'operator', password: 'the word of the operator' };
export const READER = { username: 'reader', password: 'the word of the reader' };

/** Gateways of a site that agree by their own group, each with its HTTP API, in this process. */
export class HttpSite {
  readonly raft: RaftSite;
  readonly #authenticator: Authenticator;
  readonly #timeOf: (name: string) => TimeService | undefined;
  readonly #apis = new Map<string, FastifyInstance>();
  readonly #ports = new Map<string, number>();
  #gate: PromiseWithResolvers<void> | undefined;

  private constructor(raft: RaftSite, authenticator: Authenticator, timeOf: (name: string) => TimeService | undefined) {
    this.raft = raft;
    this.#authenticator = authenticator;
    this.#timeOf = timeOf;
  }

  /** `timeOf` gives the gateway of a name a clock; without it none takes part in the time of the mesh. */
  static async start(
    count = 3,
    timeOf: (name: string) => TimeService | undefined = () => undefined,
  ): Promise<HttpSite> {
    const accounts = [
      { username: OPERATOR.username, passwordHash: await hashPassword(OPERATOR.password), role: 'operator' as const },
      { username: READER.username, passwordHash: await hashPassword(READER.password), role: 'reader' as const },
    ];
    const authenticator = new Authenticator({ accounts, siteKey: SITE_KEY, clock: systemClock });
    const site = new HttpSite(await RaftSite.start(count), authenticator, timeOf);
    await Promise.all(site.raft.all.map((member) => site.#serve(member)));
    await site.raft.leader();
    return site;
  }

  /** The account and the gateways, that one first. */
  target(account = OPERATOR, first = 0): HttpTarget {
    const urls = [...this.#ports.values()].map((port) => `http://127.0.0.1:${port}`);
    return { gateways: [...urls.slice(first), ...urls.slice(0, first)], ...account };
  }

  url(name: string): string {
    return `http://127.0.0.1:${this.#ports.get(name)}`;
  }

  caller(account = OPERATOR, first = 0): GatewaysCaller {
    return new GatewaysCaller(this.target(account, first), { clock: systemClock, random: seededRandom('http') });
  }

  coordinator(first = 0): HttpCoordinator {
    return new HttpCoordinator(this.caller(OPERATOR, first));
  }

  async kill(name: string): Promise<void> {
    const closed = this.#apis.get(name)?.close();
    await this.raft.member(name).kill();
    await closed;
  }

  async startAgain(name: string): Promise<void> {
    await this.#serve(await this.raft.startMember(name));
  }

  /** The requests that come from now on are not answered before the function is called. */
  hang(): () => void {
    const gate = Promise.withResolvers<void>();
    this.#gate = gate;
    return () => {
      this.#gate = undefined;
      gate.resolve();
    };
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#apis.values()].map((api) => api.close()));
    await this.raft.stop();
  }

  async #serve(member: SiteMember): Promise<void> {
    const api = createApi({
      authenticator: this.#authenticator,
      agreement: agreementOf(member),
      clock: systemClock,
      status: () => Promise.reject(new Error('nobody asks')),
      health: () => ({ id: member.name, brokerUp: true, storeUp: true }),
      devices: () => [],
      device: () => undefined,
      time: this.#timeOf(member.name),
    });
    api.addHook('preHandler', () => this.#gate?.promise ?? Promise.resolve());
    await api.listen({ host: '127.0.0.1', port: this.#ports.get(member.name) ?? 0 });
    this.#ports.set(member.name, (api.server.address() as { port: number }).port);
    this.#apis.set(member.name, api);
  }
}

function agreementOf({ coordinator, group }: SiteMember): Agreement {
  return {
    driver: 'raft',
    coordinator,
    onMembers: () => () => {},
    async status() {
      const { term, leader, members = [], role } = group.status ?? { term: 0 };
      return {
        driver: 'raft',
        role: role === 'StateLeader' ? 'leader' : 'follower',
        term,
        ...(leader === undefined ? {} : { leader }),
        revision: (await coordinator.status()).revision,
        members: members.map(({ name, role: own, address }) => ({ name, role: own, address })),
      };
    },
    onLeadership: () => () => {},
    changeMembers: (changes, timeoutMs) => group.changeMembers(changes, timeoutMs),
    transferTo: async (name) => group.transferTo(name),
    stop: async () => {},
  };
}
