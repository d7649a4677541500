import type { Logger } from 'pino';
import type { InterestFrame, InterestTable } from './interest/index.ts';
import type { InterestFollower } from './interest-follower.ts';
import type { Neighbour } from './neighbour.ts';
import type { FederationPort } from './port.ts';
import type { Advertisement, AdvertisementChange, LinkStateDatabase } from './topology/index.ts';
import type { ControlFrame } from './wire/index.ts';

export interface GossipOptions {
  port: FederationPort;
  log: Logger;
  database: LinkStateDatabase;
  interest: InterestTable;
  follower: InterestFollower;
  neighbours: () => Iterable<Neighbour>;
  /** What this broker's own clients want. */
  ownSnapshot: () => InterestFrame[];
  /** Others have heard of an earlier life of this broker, so many times by now. */
  onOutbid: (count: number) => void;
  /** Who is linked with whom has changed. */
  onRoutes: () => void;
  /** Something that others say of themselves or want has changed. */
  onLearned: () => void;
}

/** Floods what brokers say of themselves and of what their clients want, and takes in what comes. */
export class Gossip {
  readonly #options: GossipOptions;

  constructor(options: GossipOptions) {
    this.#options = options;
  }

  onControl(neighbour: Neighbour, frame: ControlFrame): void {
    switch (frame.type) {
      case 'advertisement':
        this.#onAdvertisement(neighbour, frame);
        return;
      case 'interest':
        this.#onInterest(neighbour, frame);
        return;
      case 'filters':
        neighbour.filters.peerHas(frame);
        return;
      case 'interestPull':
        for (const answer of this.#snapshotOf(frame.node)) neighbour.control(answer);
        return;
      default:
    }
  }

  #onAdvertisement(neighbour: Neighbour, { type, ...advertisement }: { type: 'advertisement' } & Advertisement): void {
    const implausible = this.#options.database.implausible;
    const { flood, answer, isNew } = this.#options.database.receive(advertisement);
    if (this.#options.database.implausible > implausible) this.#noteImplausible(neighbour, advertisement);
    if (advertisement.node === this.#options.port.brokerId && flood !== undefined) {
      this.#options.onOutbid(this.#options.database.outbid);
      return;
    }
    if (answer !== undefined) neighbour.control({ type, ...answer });
    if (flood !== undefined) this.flood({ type, ...flood }, neighbour);
    if (isNew) this.#options.onRoutes();
    if (flood === undefined) return;
    this.#options.follower.onAdvertisement(neighbour, advertisement.node);
    this.#options.onLearned();
  }

  #noteImplausible({ peer }: Neighbour, { node, sequence }: Advertisement): void {
    const count = this.#options.database.implausible;
    // The first, and then ever fewer: a flood of them is one fault.
    if (!Number.isInteger(Math.log2(count))) return;
    const fields = { code: 'LINK_PROTOCOL', peer, node, sequence, count };
    this.#options.log.error(fields, 'an advertisement has a sequence that its broker cannot have reached');
  }

  #onInterest(neighbour: Neighbour, frame: InterestFrame): void {
    if (!this.#options.follower.onFrame(neighbour, frame)) return;
    this.flood(frame, neighbour);
    this.#options.onLearned();
  }

  #snapshotOf(node: string): InterestFrame[] {
    return node === this.#options.port.brokerId ? this.#options.ownSnapshot() : this.#options.interest.snapshot(node);
  }

  /** Says something new of this broker, if it is new. */
  advertise(change: AdvertisementChange): void {
    const advertisement = this.#options.database.advertise(change);
    if (advertisement !== undefined) this.flood({ type: 'advertisement', ...advertisement });
  }

  /** Tells every neighbour, but for the one from whom it came. */
  flood(frame: ControlFrame, except?: Neighbour): void {
    for (const neighbour of this.#options.neighbours()) if (neighbour !== except) neighbour.control(frame);
  }
}
