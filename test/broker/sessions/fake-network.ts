import type { Cluster, LinkFederation } from '../../../broker/federation/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Clock } from '../../../core/time/index.ts';

export interface NetworkFaults {
  delayMsMax: number;
  /** Probability that a datagram is lost, 0 to 1. */
  loss: number;
  /** Probability that it comes twice. */
  duplication: number;
}

type Handler = (from: string, body: Buffer) => void;

/** Brokers in one process on a virtual clock; datagrams are delayed, lost, doubled and reordered by a seeded random. */
export class FakeNetwork {
  readonly clock: Clock;
  readonly #random: Random;
  readonly #nodes = new Map<string, FakeCluster>();
  faults: NetworkFaults = { delayMsMax: 5, loss: 0, duplication: 0 };
  /** How long a broker takes at most to notice that others have come or gone. */
  noticeMsMax = 50;
  sent = 0;
  sentBytes = 0;
  #groups: string[][] = [];

  constructor(clock: Clock, random: Random) {
    this.clock = clock;
    this.#random = random;
  }

  join(brokerId: string): FakeCluster {
    const node = new FakeCluster(this, brokerId);
    this.#nodes.set(brokerId, node);
    this.#noticeAll();
    return node;
  }

  leave(brokerId: string): void {
    this.#nodes.delete(brokerId);
    this.#noticeAll();
  }

  /** Only brokers of one group hear each other; without groups all do. */
  partition(...groups: string[][]): void {
    this.#groups = groups;
    this.#noticeAll();
  }

  node(brokerId: string): FakeCluster | undefined {
    return this.#nodes.get(brokerId);
  }

  others(brokerId: string): string[] {
    return [...this.#nodes.keys()].filter((each) => each !== brokerId && this.connects(brokerId, each)).sort();
  }

  connects(a: string, b: string): boolean {
    return this.#groups.length === 0 || this.#groups.some((group) => group.includes(a) && group.includes(b));
  }

  carry(from: string, to: string, kind: string, body: Uint8Array): void {
    this.sent += 1;
    this.sentBytes += body.length;
    if (body.length > 256 * 1_024) throw new Error(`a datagram of ${body.length} bytes`);
    const copy = Buffer.from(body);
    const copies = this.#random.next() < this.faults.duplication ? 2 : 1;
    for (let each = 0; each < copies; each++) {
      if (this.#random.next() < this.faults.loss) continue;
      this.clock.setTimer(this.#random.next() * this.faults.delayMsMax, () => {
        if (this.connects(from, to)) this.#nodes.get(to)?.receive(kind, from, copy);
      });
    }
  }

  #noticeAll(): void {
    for (const node of this.#nodes.values()) {
      this.clock.setTimer(this.#random.next() * this.noticeMsMax, () => node.notice(this.others(node.brokerId)));
    }
  }
}

export class FakeCluster implements Cluster {
  readonly brokerId: string;
  readonly #network: FakeNetwork;
  readonly #handlers = new Map<string, Handler>();
  readonly #callbacks = new Set<(joined: readonly string[], left: readonly string[]) => void>();
  #reachable: string[] = [];
  /** Told when a session asks whether the others know this broker's subscriptions. */
  settled: () => Promise<boolean> = async () => true;
  /** Asked when a broker is to have all that was published. */
  caughtUp: (node: string) => Promise<boolean> = async () => true;
  shares: (topic: string) => ReadonlyMap<string, readonly string[]> = () => new Map();

  constructor(network: FakeNetwork, brokerId: string) {
    this.#network = network;
    this.brokerId = brokerId;
  }

  reachable(): readonly string[] {
    return this.#reachable;
  }

  onReachableChanged(callback: (joined: readonly string[], left: readonly string[]) => void): () => void {
    this.#callbacks.add(callback);
    return () => this.#callbacks.delete(callback);
  }

  send(to: string, kind: string, body: Uint8Array): boolean {
    if (this.#network.node(this.brokerId) !== this) return false;
    this.#network.carry(this.brokerId, to, kind, body);
    return true;
  }

  onDatagram(kind: string, handler: Handler): () => void {
    this.#handlers.set(kind, handler);
    return () => this.#handlers.delete(kind);
  }

  interestSettled(): Promise<boolean> {
    return this.settled();
  }

  shareNodes(topic: string): ReadonlyMap<string, readonly string[]> {
    return this.shares(topic);
  }

  mustFollow(): boolean {
    return false;
  }

  isWanted(): boolean {
    return false;
  }

  /** As the federation of a broker, without links. */
  asFederation(): LinkFederation {
    return {
      brokerId: this.brokerId,
      reachable: () => this.reachable(),
      onReachableChanged: (callback) => this.onReachableChanged(callback),
      send: (to, kind, body) => this.send(to, kind, body),
      onDatagram: (kind, handler) => this.onDatagram(kind, handler),
      interestSettled: () => this.interestSettled(),
      caughtUp: (node) => this.caughtUp(node),
      shareNodes: (topic) => this.shareNodes(topic),
      mustFollow: () => false,
      isWanted: () => this.isWanted(),
      start: async () => {},
      stop: async () => {},
      states: () => [],
      streams: () => [],
      listening: () => undefined,
    };
  }

  receive(kind: string, from: string, body: Buffer): void {
    this.#handlers.get(kind)?.(from, body);
  }

  notice(reachable: string[]): void {
    const joined = reachable.filter((each) => !this.#reachable.includes(each));
    const left = this.#reachable.filter((each) => !reachable.includes(each));
    this.#reachable = reachable;
    if (joined.length + left.length === 0) return;
    for (const callback of this.#callbacks) callback(joined, left);
  }
}
