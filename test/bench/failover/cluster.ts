import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { delay, systemClock } from '../../../core/time/index.ts';
import { eventually } from '../../support/eventually.ts';
import { PEER_PATH } from '../../support/peers.ts';
import { endWithParent } from '../processes.ts';
import type { KvClient, MemberStatus } from './client.ts';
import { type Contender, type Place, placesIn } from './places.ts';

const HEAL_TIMEOUT_MS = 60_000;
const STATUS_TIMEOUT_MS = 1_000;
const ENVIRONMENT = { ...process.env, PATH: PEER_PATH };
/** The others say a lot of a member that is killed. */
const STDERR = process.env['LATTICE_BENCH_LOG'] === undefined ? 'ignore' : 'inherit';

/** A member that runs as a process of its own. */
export interface Member {
  place: Place;
  child: ChildProcess;
}

/** The members of one contender, on fresh folders. */
export class Cluster {
  readonly #contender: Contender;
  readonly #client: KvClient;
  readonly #places: Place[];
  readonly #members = new Map<string, Member>();

  static async start(contender: Contender, folder: string, client: KvClient, count = 3): Promise<Cluster> {
    const cluster = new Cluster(contender, await placesIn(folder, count), client);
    for (const place of cluster.#places) cluster.#run(place);
    try {
      await cluster.healed();
    } catch (error) {
      await cluster.stop();
      throw error;
    }
    return cluster;
  }

  constructor(contender: Contender, places: Place[], client: KvClient) {
    this.#contender = contender;
    this.#places = places;
    this.#client = client;
  }

  get ports(): number[] {
    return this.#places.map(({ clientPort }) => clientPort);
  }

  /** The other members' client ports. */
  survivorsOf({ place }: Member): number[] {
    return this.ports.filter((port) => port !== place.clientPort);
  }

  /** Starts a member that was killed again, on what it left on disk. */
  async restart({ place, child }: Member): Promise<void> {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    this.#run(place);
  }

  /** What each member says of itself; undefined for one that does not answer. */
  async statuses(): Promise<(MemberStatus | undefined)[]> {
    const signal = AbortSignal.timeout(STATUS_TIMEOUT_MS);
    return Promise.all(this.ports.map((port) => this.#client.status(port, signal).catch(() => undefined)));
  }

  /** Resolves with the leader once all members follow it, have applied what it has, and take writes. */
  async healed(): Promise<Member> {
    const leader = await eventually(() => this.#agreed(), HEAL_TIMEOUT_MS);
    for (const port of this.ports) {
      await eventually(() => this.#client.put(port, 'healed', 'yes', AbortSignal.timeout(STATUS_TIMEOUT_MS)));
    }
    return leader;
  }

  async stop(): Promise<void> {
    await Promise.all(
      [...this.#members.values()].map(async ({ child }) => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGKILL');
        await exited;
      }),
    );
    // Connections that the client kept end too.
    await delay(systemClock, 0);
  }

  async #agreed(): Promise<Member> {
    const statuses = await this.statuses();
    const at = statuses.findIndex((status) => status !== undefined && status.id === status.leader);
    const leader = statuses[at];
    if (leader === undefined) throw new Error(`${this.#contender.label} has no leader.`);
    const isBehind = (status: MemberStatus | undefined): boolean =>
      status === undefined ||
      status.leader !== leader.id ||
      status.term !== leader.term ||
      status.applied < leader.applied;
    if (statuses.some(isBehind)) throw new Error(`Not all members of ${this.#contender.label} follow their leader.`);
    return this.#members.get((this.#places[at] as Place).name) as Member;
  }

  #run(place: Place): void {
    const { file, args } = this.#contender.commandOf(place, this.#places);
    const child = spawn(file, args, { stdio: ['ignore', 'ignore', STDERR], env: ENVIRONMENT });
    child.once('exit', endWithParent(child.pid as number));
    this.#members.set(place.name, { place, child });
  }
}
