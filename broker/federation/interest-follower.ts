import type { Logger } from 'pino';
import type { Clock } from '../../core/time/index.ts';
import type { InterestFrame, InterestTable } from './interest/index.ts';
import type { Neighbour } from './neighbour.ts';
import type { LinkStateDatabase } from './topology/index.ts';

export interface InterestFollowerOptions {
  brokerId: string;
  table: InterestTable;
  database: LinkStateDatabase;
  clock: Clock;
  log: Logger;
  /** The neighbour on the way to a broker. */
  neighbourTo: (node: string) => Neighbour | undefined;
  /** Tells a broker by which version of what it wants this one routes. */
  tellApplied: (node: string, boot: string, version: number) => void;
}

/** After so long without an answer a broker's filters are asked for again. */
const PULL_MS = 2_000;

interface Pull {
  neighbour: Neighbour;
  atMs: number;
}

/** Keeps up with what the other brokers' clients want: takes what is flooded, and asks for the whole where something is missing. */
export class InterestFollower {
  readonly #options: InterestFollowerOptions;
  /** One question for each broker at a time, since the answer may be large. */
  readonly #pulls = new Map<string, Pull>();

  constructor(options: InterestFollowerOptions) {
    this.#options = options;
  }

  /** Whether what is known of a broker's filters is what its advertisement speaks of, or later. */
  isCurrent(node: string): boolean {
    const advertised = this.#options.database.of(node);
    const known = this.#options.table.version(node);
    if (advertised === undefined || known === undefined || known.boot !== advertised.boot) return false;
    if (known.version !== advertised.interestVersion) return known.version > advertised.interestVersion;
    return known.hash === advertised.interestHash;
  }

  /** An advertisement brought something new. */
  onAdvertisement(neighbour: Neighbour, node: string): void {
    const { database, tellApplied, table } = this.#options;
    if ((database.of(node)?.interestVersion ?? 0) === 0) return;
    if (!this.isCurrent(node)) {
      this.#pull(neighbour, node);
      return;
    }
    // What was said before may have been lost.
    const known = table.version(node);
    if (known !== undefined) tellApplied(node, known.boot, known.version);
  }

  /** Takes a frame; says whether it brought something, and is to be passed on. */
  onFrame(neighbour: Neighbour, frame: InterestFrame): boolean {
    const { brokerId, table, tellApplied, log } = this.#options;
    const { node, boot, version } = frame;
    if (node === brokerId) return false;
    switch (table.apply(frame)) {
      case 'applied':
        this.#pulls.delete(node);
        tellApplied(node, boot, version);
        if (!this.isCurrent(node)) this.#pull(neighbour, node);
        return true;
      case 'partial':
        return true;
      case 'damaged':
        this.#pulls.delete(node);
        this.#pull(neighbour, node);
        return false;
      case 'pull':
        this.#pull(neighbour, node);
        return false;
      case 'refused':
        log.error({ code: 'LINK_PROTOCOL', node }, 'a broker wants more filters than can be kept');
        return false;
      default:
        return false;
    }
  }

  /** Brokers can be reached that could not before; they may have forgotten what was said. */
  onJoined(nodes: readonly string[]): void {
    const { table, tellApplied } = this.#options;
    for (const node of nodes) {
      const known = table.version(node);
      if (known !== undefined) tellApplied(node, known.boot, known.version);
    }
  }

  onDetached(neighbour: Neighbour): void {
    for (const [node, pull] of this.#pulls) if (pull.neighbour === neighbour) this.#pulls.delete(node);
  }

  onTick(reachable: readonly string[]): void {
    for (const node of reachable) {
      const neighbour = this.isCurrent(node) ? undefined : this.#options.neighbourTo(node);
      if (neighbour !== undefined) this.#pull(neighbour, node);
    }
  }

  #pull(neighbour: Neighbour, node: string): void {
    const nowMs = this.#options.clock.monotonicMs();
    const pending = this.#pulls.get(node);
    if (pending !== undefined && nowMs - pending.atMs < PULL_MS) return;
    this.#pulls.set(node, { neighbour, atMs: nowMs });
    neighbour.control({ type: 'interestPull', node });
  }
}
