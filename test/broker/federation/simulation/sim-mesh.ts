import { pino } from 'pino';
import { type LinkLimits, linkCounters, linkLimits } from '../../../../broker/federation/limits.ts';
import { LinkFilters } from '../../../../broker/federation/link-filters.ts';
import { Neighbour } from '../../../../broker/federation/neighbour.ts';
import { FederationNode } from '../../../../broker/federation/node.ts';
import { FRAME_BYTES_MAX, FrameReader } from '../../../../broker/federation/wire/index.ts';
import { type Random, seededRandom } from '../../../../core/random/index.ts';
import { VirtualClock } from '../../../../core/time/index.ts';
import { SimBroker } from './sim-broker.ts';

/** Times of a LAN, a little short. */
const LIMITS: Partial<LinkLimits> = { keepAliveMs: 200, resendMs: 400, refreshMs: 2_000, retainedCompareMs: 3_000 };

interface SimLink {
  ends: [string, string];
  state: 'up' | 'down' | 'silent';
  neighbours: Neighbour[];
  /** When the last frame of each direction arrives, so that none overtakes another. */
  arrivalMs: [number, number];
  bytes: number;
}

export interface SimOptions {
  seed: string;
  edges: [string, string][];
  leaves?: string[];
  delayMs?: number;
  jitterMs?: number;
  limits?: Partial<LinkLimits>;
}

/** Production nodes over virtual time, disks and links, driven by a seed. */
export class SimMesh {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly brokers = new Map<string, SimBroker>();
  readonly nodes = new Map<string, FederationNode>();
  readonly #links: SimLink[] = [];
  readonly #options: SimOptions;
  readonly #limits: LinkLimits;
  #boots = 0;

  private constructor(options: SimOptions) {
    this.#options = options;
    this.random = seededRandom(options.seed);
    this.#limits = linkLimits({ ...LIMITS, ...options.limits });
  }

  static async start(options: SimOptions): Promise<SimMesh> {
    const mesh = new SimMesh(options);
    const ids = [...new Set(options.edges.flat())].sort();
    for (const id of ids) {
      mesh.brokers.set(id, new SimBroker(id, mesh.clock));
      await mesh.#startNode(id);
    }
    for (const ends of options.edges) {
      mesh.#links.push({ ends, state: 'down', neighbours: [], arrivalMs: [0, 0], bytes: 0 });
    }
    for (const [a, b] of options.edges) mesh.mend(a, b);
    await mesh.run(500);
    return mesh;
  }

  broker(id: string): SimBroker {
    return this.brokers.get(id) as SimBroker;
  }

  node(id: string): FederationNode {
    return this.nodes.get(id) as FederationNode;
  }

  /** Bytes that crossed a link, both ways. */
  bytesOf(a: string, b: string): number {
    return this.#link(a, b).bytes;
  }

  /** Data messages that were put on any link. */
  get crossings(): number {
    let sum = 0;
    for (const { neighbours } of this.#links) {
      for (const { counters } of neighbours) sum += counters.sent + counters.forwarded;
    }
    return sum;
  }

  /** Bytes of data that wait in memory for any link. */
  get queuedBytes(): number {
    return this.#links.flatMap(({ neighbours }) => neighbours).reduce((sum, { queuedBytes }) => sum + queuedBytes, 0);
  }

  /** Moves time on, a step at a time, letting promises settle in between. */
  async run(durationMs: number): Promise<void> {
    const endMs = this.clock.monotonicMs() + durationMs;
    while (this.clock.monotonicMs() < endMs) {
      const dueMs = this.clock.nextDueMs() ?? endMs;
      const step = Math.min(Math.max(dueMs - this.clock.monotonicMs(), 0), endMs - this.clock.monotonicMs());
      this.clock.advance(step);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Runs until the condition holds; returns how long that took in virtual ms. Throws after the time. */
  async until(condition: () => boolean, withinMs: number): Promise<number> {
    const startMs = this.clock.monotonicMs();
    while (!condition()) {
      if (this.clock.monotonicMs() - startMs > withinMs) throw new Error(`not within ${withinMs} ms of virtual time`);
      await this.run(1);
    }
    return this.clock.monotonicMs() - startMs;
  }

  /** Both ends see the connection close. */
  cut(a: string, b: string): void {
    const link = this.#link(a, b);
    link.state = 'down';
    for (const neighbour of link.neighbours.splice(0)) this.#end(neighbour);
  }

  /** What is sent is lost, and nobody is told. */
  silence(a: string, b: string): void {
    this.#link(a, b).state = 'silent';
  }

  /** A new connection, unless one of the brokers is down. */
  mend(a: string, b: string): void {
    const link = this.#link(a, b);
    if (!this.nodes.has(a) || !this.nodes.has(b)) return;
    this.cut(a, b);
    link.state = 'up';
    link.arrivalMs = [0, 0];
    link.neighbours = link.ends.map((_, end) => this.#neighbour(link, end));
    link.neighbours.forEach((neighbour, end) => {
      this.node(link.ends[end] as string).attach(neighbour);
    });
  }

  get edges(): [string, string][] {
    return this.#links.map(({ ends }) => ends);
  }

  /** SIGKILL: links close, what is not synced is gone. */
  kill(id: string): void {
    for (const { ends } of this.#links) if (ends.includes(id)) this.cut(...ends);
    this.nodes.delete(id);
    this.broker(id).journal.die();
  }

  async revive(id: string, { withEmptyDisk = false } = {}): Promise<void> {
    if (withEmptyDisk) this.broker(id).loseDisk();
    else this.broker(id).restart();
    await this.#startNode(id);
    for (const { ends } of this.#links) if (ends.includes(id)) this.mend(...ends);
  }

  async #startNode(id: string): Promise<void> {
    const node = new FederationNode({
      port: this.broker(id),
      boot: `boot-${this.#boots++}`,
      isLeaf: this.#options.leaves?.includes(id) === true,
      limits: this.#limits,
      clock: this.clock,
      log: pino({ level: 'silent' }),
      onRenewed: () => {},
    });
    this.nodes.set(id, node);
    this.broker(id).isWanted = (topic) => node.isWanted(topic);
    const others = [...new Set(this.#options.edges.flat())].filter((other) => other !== id);
    await node.start(others);
  }

  #link(a: string, b: string): SimLink {
    const link = this.#links.find(({ ends }) => ends.includes(a) && ends.includes(b));
    if (link === undefined) throw new Error(`no link ${a}-${b}`);
    return link;
  }

  #neighbour(link: SimLink, end: number): Neighbour {
    const reader = new FrameReader();
    reader.frameBytesMax = FRAME_BYTES_MAX;
    const self = link.ends[end] as string;
    const neighbour: Neighbour = new Neighbour({
      peer: link.ends[1 - end] as string,
      limits: this.#limits,
      counters: linkCounters(),
      filters: new LinkFilters({}),
      clock: this.clock,
      compression: { compresses: false, accepts: [] },
      events: this.node(self).events,
      writableBytes: () => 0,
      send: (frame) => {
        const { delayMs = 1, jitterMs = 0 } = this.#options;
        const nowMs = this.clock.monotonicMs();
        const arrivalMs = Math.max(link.arrivalMs[end] as number, nowMs + delayMs + jitterMs * this.random.next());
        link.arrivalMs[end] = arrivalMs;
        link.bytes += frame.length;
        const bytes = Buffer.from(frame);
        this.clock.setTimer(arrivalMs - nowMs, () => {
          const other = link.neighbours[1 - end];
          if (link.state !== 'up' || link.neighbours[end] !== neighbour || other === undefined) return;
          for (const each of reader.feed(bytes)) other.onFrame(each);
        });
      },
      fail: () => this.#end(neighbour),
    });
    return neighbour;
  }

  #end(neighbour: Neighbour): void {
    neighbour.stop();
    for (const node of this.nodes.values()) node.detach(neighbour);
  }
}
