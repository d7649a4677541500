import { messageOf } from '../../../../core/errors/index.ts';
import type { Clock } from '../../../../core/time/index.ts';
import type { ProbePeer } from '../types.ts';

/** A name that DNS knows is asked for again after so long. */
const REFRESH_MS = 60_000;
const RETRY_MS = 5_000;

export interface PeerAddressesOptions {
  clock: Clock;
  /** Resolves with an address that the socket can send to. */
  lookup: (host: string) => Promise<string>;
  /** Told when a name cannot be resolved, once until it can. */
  onUnresolved: (peer: string, host: string, reason: string) => void;
}

interface Known extends ProbePeer {
  address: string | undefined;
  /** Not asked before. */
  askAtMs: number;
  isReported: boolean;
}

/** Where the peers are: names are resolved ahead, since a probe must not wait between its stamp and the network. */
export class PeerAddresses {
  readonly #options: PeerAddressesOptions;
  #known = new Map<string, Known>();

  constructor(options: PeerAddressesOptions) {
    this.#options = options;
  }

  setPeers(peers: readonly ProbePeer[]): void {
    const before = this.#known;
    this.#known = new Map(
      peers.map((peer): [string, Known] => {
        const known = before.get(peer.name);
        if (known?.host === peer.host && known.port === peer.port) return [peer.name, known];
        return [peer.name, { ...peer, address: undefined, askAtMs: Number.NEGATIVE_INFINITY, isReported: false }];
      }),
    );
    for (const name of this.#known.keys()) this.of(name);
  }

  /** Undefined when there is no such peer, or its address is not known (yet). */
  of(name: string): { address: string; port: number } | undefined {
    const known = this.#known.get(name);
    if (known === undefined) return undefined;
    if (this.#options.clock.monotonicMs() >= known.askAtMs) void this.#resolve(known);
    return known.address === undefined ? undefined : { address: known.address, port: known.port };
  }

  /** An address that was good stays in use when its name cannot be resolved any more. */
  async #resolve(known: Known): Promise<void> {
    const { clock, lookup, onUnresolved } = this.#options;
    known.askAtMs = Number.POSITIVE_INFINITY;
    try {
      known.address = await lookup(known.host);
      known.askAtMs = clock.monotonicMs() + REFRESH_MS;
      known.isReported = false;
    } catch (error) {
      known.askAtMs = clock.monotonicMs() + RETRY_MS;
      if (!known.isReported) onUnresolved(known.name, known.host, messageOf(error));
      known.isReported = true;
    }
  }
}
