import { cp } from 'node:fs/promises';
import { basename } from 'node:path';
import { expect, it } from 'vitest';
import { createFederation, type FederationOptions, type LinkFederation } from '../../../broker/federation/index.ts';
import { type Random, seededRandom } from '../../../core/random/index.ts';
import { filterMatches, parseShareFilter } from '../../../core/wire/index.ts';
import { eventually } from '../../support/eventually.ts';
import { connect, SITE_KEY, startBroker, type TestBroker, type TestClient } from '../support/harness.ts';
import { newFolder } from '../support/store.ts';
import { federate, newBench, portOf, QUICK } from './mesh.ts';

const SEQUENCES = 50;
const STEPS = 10;
const CLIENTS = ['c0', 'c1', 'c2', 'c3'];
const PLAIN = ['x', 'x/y', 'x/+', 'x/#', '+/y', '+/+', '#', 'x/y/z', '+/y/#'].map(inMesh);
const FILTERS = [
  ...PLAIN,
  ...['g', 'h'].flatMap((group) => PLAIN.slice(1, 4).map((filter) => `$share/${group}/${filter}`)),
];
/** `n` stands in no filter, so it is matched by wildcards alone. */
const TOPICS = ['x', 'n', 'x/y', 'x/n', 'n/y', 'n/n', 'x/y/z', 'n/y/z', 'x/n/z'].map(inMesh);

const bench = newBench();

function inMesh(text: string): string {
  return `mesh/v1/${text}`;
}

/** What a client has of a session, as MQTT says it; nothing of the broker's own bookkeeping goes in. */
interface ModelSession {
  client: TestClient | undefined;
  isKept: boolean;
  filters: Set<string>;
}

/** A broker with real clients, driven at random, beside a model of its sessions. */
class Driven {
  readonly sessions = new Map<string, ModelSession>();
  readonly #random: Random;
  readonly #neighbourPort: number;
  #broker: TestBroker | undefined;
  #federation: LinkFederation | undefined;
  readonly steps: string[] = [];

  constructor(random: Random, neighbourPort: number) {
    this.#random = random;
    this.#neighbourPort = neighbourPort;
  }

  get federation(): LinkFederation {
    return this.#federation as LinkFederation;
  }

  async start(dataDir: string): Promise<void> {
    const federateQuickly = (options: FederationOptions): LinkFederation => {
      this.#federation = createFederation({ ...options, limits: { ...options.limits, ...QUICK } });
      return this.#federation;
    };
    const links = { peers: [{ id: 'n', host: '127.0.0.1', port: this.#neighbourPort }] };
    // The neighbour answers no claims of client ids.
    const sessions = { claimTimeoutMs: 10 };
    this.#broker = await startBroker({ id: 'b', links, sessions }, { federate: federateQuickly }, dataDir);
  }

  async step(): Promise<void> {
    const id = this.#pick(CLIENTS);
    const filter = this.#pick(FILTERS);
    const isKept = this.#random.below(2) === 0;
    const session = this.sessions.get(id);
    const choice = this.#random.below(24);
    if (choice === 0) await this.#restart();
    else if (choice === 1) await this.#crash();
    else if (session?.client === undefined) await this.#connect(id, isKept);
    else if (choice < 4) await this.#disconnect(id, session, choice === 2);
    else if (choice < 6) await this.#connect(id, isKept);
    else if (choice < 16) await this.#subscribe(id, session, filter);
    else await this.#unsubscribe(id, session, filter);
  }

  #pick<T>(among: readonly T[]): T {
    return among[this.#random.below(among.length)] as T;
  }

  async #connect(clientId: string, isKept: boolean): Promise<void> {
    this.steps.push(`connect ${clientId} ${isKept ? 'kept' : 'clean'}`);
    const before = this.sessions.get(clientId);
    const client = await connect((this.#broker as TestBroker).port, { clientId, clean: !isKept });
    const isRestored = isKept && before?.isKept === true;
    expect(client.sessionPresent).toBe(isRestored);
    this.sessions.set(clientId, { client, isKept, filters: isRestored ? before.filters : new Set() });
  }

  async #disconnect(id: string, session: ModelSession, isAbrupt: boolean): Promise<void> {
    this.steps.push(`disconnect ${id}${isAbrupt ? ' without a word' : ''}`);
    await session.client?.mqtt.endAsync(isAbrupt);
    this.#gone(id, session);
  }

  #gone(id: string, session: ModelSession): void {
    session.client = undefined;
    if (!session.isKept) this.sessions.delete(id);
  }

  async #subscribe(id: string, { client, filters }: ModelSession, filter: string): Promise<void> {
    this.steps.push(`subscribe ${id} ${filter}`);
    await client?.mqtt.subscribeAsync(filter, { qos: 1 });
    filters.add(filter);
  }

  async #unsubscribe(id: string, { client, filters }: ModelSession, filter: string): Promise<void> {
    this.steps.push(`unsubscribe ${id} ${filter}`);
    await client?.mqtt.unsubscribeAsync(filter);
    filters.delete(filter);
  }

  async #restart(): Promise<void> {
    this.steps.push('restart');
    const { dataDir } = this.#broker as TestBroker;
    await this.#stop();
    await this.start(dataDir);
  }

  /** What a SIGKILL leaves: the folder as it stood while the broker ran. */
  async #crash(): Promise<void> {
    this.steps.push('crash');
    const { dataDir } = this.#broker as TestBroker;
    const left = await newFolder();
    const isNoLock = (path: string): boolean => !basename(path).startsWith('lock-');
    await cp(dataDir, left, { recursive: true, filter: isNoLock });
    await this.#stop();
    await this.start(left);
  }

  async #stop(): Promise<void> {
    await this.#broker?.stop();
    for (const [id, session] of [...this.sessions]) {
      await session.client?.mqtt.endAsync(true);
      this.#gone(id, session);
    }
  }
}

/** The topics that are wanted, and by which share groups, if the sessions are what the model says. */
function expectedOf(sessions: readonly ModelSession[]): Map<string, { isWanted: boolean; shares: string[] }> {
  const filters = [...new Set(sessions.flatMap((session) => [...session.filters]))];
  const isServed = (filter: string): boolean =>
    sessions.some((session) => session.client !== undefined && session.filters.has(filter));
  return new Map(
    TOPICS.map((topic) => {
      const matching = filters.filter((filter) => filterMatches(parseShareFilter(filter)?.filter ?? filter, topic));
      const shares = matching
        .filter((filter) => parseShareFilter(filter) !== undefined)
        .map((filter) => (isServed(filter) ? filter : filter.replace('/', '/~')))
        .sort();
      return [topic, { isWanted: matching.length > 0, shares }];
    }),
  );
}

function heldBy(neighbour: LinkFederation): Map<string, { isWanted: boolean; shares: string[] }> {
  return new Map(
    TOPICS.map((topic) => {
      return [topic, { isWanted: neighbour.isWanted(topic), shares: [...neighbour.shareNodes(topic).keys()].sort() }];
    }),
  );
}

it(`the interest that a neighbour holds is that of the sessions, after each of ${SEQUENCES} sequences of what clients do and brokers suffer`, async () => {
  const seed = Number(process.env['LATTICE_TEST_SEED'] ?? 1);
  const n = await bench.broker('n');
  const neighbour = await federate(bench, n, { peers: [{ id: 'b' }], siteKey: SITE_KEY });
  const driven = new Driven(seededRandom(seed), portOf(neighbour));
  await driven.start(await newFolder());
  for (let sequence = 0; sequence < SEQUENCES; sequence++) {
    driven.steps.length = 0;
    for (let step = 0; step < STEPS; step++) await driven.step();
    const expected = expectedOf([...driven.sessions.values()]);
    await eventually(async () => {
      expect(driven.federation.reachable()).toEqual(['n']);
      expect(await driven.federation.interestSettled(5_000)).toBe(true);
      expect(heldBy(neighbour), `seed ${seed}, sequence ${sequence}: ${driven.steps.join('; ')}`).toEqual(expected);
    }, 5_000);
  }
}, 120_000);
