import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { codeOf, LatticeError, messageOf } from '../../core/errors/index.ts';
import { makePrivateDirectory } from '../../core/files/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, delay, HlcClock } from '../../core/time/index.ts';
import type { AgreementStatus } from '../../core/wire/index.ts';
import { GroupNode, type MemberChange, type ReplicaStatus } from '../consensus/index.ts';
import { GroupMachine, RaftCoordinator } from '../coordination/drivers/raft/index.ts';
import { TcpTransport, type Transport } from '../transport/index.ts';
import type { RaftDriverConfig } from './config.ts';
import { Leadership } from './leadership.ts';
import type { Agreement } from './types.ts';

const DISKS_PREFIX = 'lattice/disks/';
const RETRY_MS = 1_000;

export interface AgreementOptions {
  site: string;
  /** Name of this gateway. */
  name: string;
  siteKey: string;
  /** Where the gateway keeps its data. */
  dataDir: string;
  /** The gateways among which the devices are divided. */
  members: readonly string[];
  clock: Clock;
  /** The time of the mesh, for the stamps that order what gateways tell each other. */
  stamps: { clock: Pick<Clock, 'wallMs' | 'monotonicMs'>; uncertaintyMs: () => number };
  random: Random;
  log: Logger;
}

/** The site's gateways agree by a Raft group of their own, over connections of their own. */
export class RaftAgreement implements Agreement {
  readonly driver = 'raft';
  readonly coordinator: RaftCoordinator;
  readonly #options: AgreementOptions;
  readonly #transport: TcpTransport;
  readonly #machine: GroupMachine;
  readonly #group: GroupNode;
  readonly #leadership = new Leadership();
  readonly #stopped = new AbortController();
  #failure: unknown;

  constructor(config: RaftDriverConfig, options: AgreementOptions) {
    const { site, name, siteKey, dataDir, clock, stamps, random, log } = options;
    this.#options = options;
    const hlc = new HlcClock(stamps);
    hlc.onRefused = (refusal) =>
      log.warn({ code: 'HLC_STAMP_FUTURE', ...refusal }, 'a stamp of a gateway lies too far ahead and is not believed');
    this.#transport = new TcpTransport({
      ...{ own: { site, name }, siteKey, listen: config.listen, clock, hlc, log },
      random: random.fork('gateway transport'),
    });
    this.#machine = new GroupMachine({ client: `leader-${name.slice(0, 32)}-${randomBytes(6).toString('hex')}` });
    this.#group = new GroupNode(
      {
        name,
        directory: join(dataDir, 'consensus'),
        initialMembers: config.members,
        tickMs: config.tickMs,
        leaseReads: config.leaseReads,
      },
      {
        ...{ clock, log, transport: this.#transport, machine: this.#machine, duties: this.#machine },
        random: random.fork('consensus'),
        diskOf: (id) => this.#diskOf(id),
      },
    );
    this.coordinator = new RaftCoordinator({
      group: this.#group,
      machine: this.#machine,
      random: random.fork('requests'),
    });
    this.#group.on('role', (status) => this.#onRole(status));
    this.#group.on('failed', (error) => this.#onFailed(error));
  }

  /**
   * Rejects with PORT_TAKEN or PORT_UNUSABLE. A damaged log is no reason for a gateway not to start: its devices need it; it takes no
   * part in what is agreed on, and says so.
   */
  async start(): Promise<void> {
    await makePrivateDirectory(join(this.#options.dataDir, 'consensus'));
    await this.#transport.start();
    try {
      await this.#group.start();
    } catch (error) {
      this.#onFailed(error);
      return;
    }
    void this.#registerDisk();
  }

  get port(): number {
    return this.#transport.address.port;
  }

  get transport(): Transport {
    return this.#transport;
  }

  async status(): Promise<AgreementStatus> {
    const { status } = this.#group;
    const isLeader = status?.role === 'StateLeader';
    const peers = new Map(this.#transport.peers().map((peer) => [peer.id, peer]));
    return {
      driver: 'raft',
      role: this.#failure !== undefined ? 'failed' : roleOf(status),
      ...(this.#failure === undefined ? {} : { reason: messageOf(this.#failure) }),
      ...(status?.leader === undefined ? {} : { leader: status.leader }),
      term: status?.term ?? 0,
      ...(status === undefined ? {} : { commit: status.commit, applied: status.applied }),
      revision: this.#machine.state.revision,
      members: (status?.members ?? []).map(({ name, role, address, match }) => {
        const peer = peers.get(name);
        return {
          ...{ name, role, address },
          ...(isLeader && match !== undefined ? { match } : {}),
          ...(peer === undefined ? {} : { isUp: peer.isUp }),
          ...(peer?.roundTripMs === undefined ? {} : { roundTripMs: peer.roundTripMs }),
        };
      }),
    };
  }

  onLeadership(listener: (fencingToken: number | undefined) => void): () => void {
    return this.#leadership.listen(listener);
  }

  onMembers(listener: (names: string[]) => void): () => void {
    const tell = (members: readonly { name: string }[]): void => listener(members.map(({ name }) => name));
    this.#group.on('members', tell);
    tell(this.#group.status?.members ?? []);
    return () => this.#group.off('members', tell);
  }

  async changeMembers(changes: MemberChange[], timeoutMs: number): Promise<AgreementStatus['members']> {
    const members = await this.#group.changeMembers(changes, timeoutMs);
    return members.map(({ name, role, address }) => ({ name, role, address }));
  }

  async transferTo(name: string, timeoutMs: number): Promise<void> {
    const { clock } = this.#options;
    const ended = new AbortController();
    const led = Promise.withResolvers<void>();
    const look = (status: ReplicaStatus): void => {
      if (status.leader === name) led.resolve();
    };
    this.#group.on('role', look);
    try {
      this.#group.transferTo(name);
      if (this.#group.status !== undefined) look(this.#group.status);
      const late = delay(clock, timeoutMs, ended.signal).then(() => {
        throw new LatticeError('COORDINATION_TIMEOUT', `${name} has not taken the lead within ${timeoutMs} ms.`);
      });
      await Promise.race([led.promise, late]);
    } finally {
      ended.abort();
      this.#group.off('role', look);
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#leadership.set(undefined);
    await this.coordinator.close();
    await this.#group.stop();
    await this.#transport.stop();
  }

  #onRole({ role, term }: ReplicaStatus): void {
    this.#leadership.set(role === 'StateLeader' ? term : undefined);
  }

  #onFailed(error: unknown): void {
    this.#failure = error;
    this.#leadership.set(undefined);
    this.#options.log.error(
      { code: codeOf(error), reason: messageOf(error) },
      'this gateway takes no part in what the gateways agree on',
    );
  }

  #diskOf(id: number): string | undefined {
    const { keyValues } = this.#machine.state.query({ key: `${DISKS_PREFIX}${id}` });
    return keyValues[0]?.value;
  }

  /** Lets the others know this disk, so that they notice when it is lost. */
  async #registerDisk(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted && this.#failure === undefined) {
      const { status, disk } = this.#group;
      if (status !== undefined && disk !== undefined) {
        const key = `${DISKS_PREFIX}${status.id}`;
        const transaction = {
          compare: [{ key, target: 'createRevision' as const, op: '=' as const, value: 0 }],
          success: [{ op: 'put' as const, key, value: disk }],
          failure: [],
        };
        const isKnown = await this.coordinator.transaction(transaction, { signal }).then(
          () => true,
          () => false,
        );
        if (isKnown) return;
      }
      await delay(this.#options.clock, RETRY_MS, signal);
    }
  }
}

function roleOf(status: ReplicaStatus | undefined): AgreementStatus['role'] {
  if (status === undefined) return 'waiting';
  const own = status.members.find(({ id }) => id === status.id);
  switch (status.role) {
    case 'StateLeader':
      return 'leader';
    case 'StateFollower':
      return own?.role === 'learner' ? 'learner' : 'follower';
    default:
      return 'candidate';
  }
}
