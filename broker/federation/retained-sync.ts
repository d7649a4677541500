import type { Clock } from '../../core/time/index.ts';
import type { LinkLimits } from './limits.ts';
import type { Neighbour } from './neighbour.ts';
import type { FederationPort, RetainedEntry } from './port.ts';
import { beginComparison, decodeEntries, isBeginning, onDigest, onKeys, RetainedDigest } from './retained/index.ts';
import type { Frame } from './wire/index.ts';

export interface RetainedSyncOptions {
  port: FederationPort;
  limits: LinkLimits;
  clock: Clock;
  /** Resolves when what came over the links so far is merged, and does not look like a difference. */
  settled: () => Promise<void>;
  /** Whether a neighbour has acknowledged the stream of this broker up to a position. */
  hasReached: (peer: string, position: number) => boolean;
}

interface Comparison {
  /** Where the journal ended when the link came up: what stands before it crosses by itself. */
  position: number;
  sinceMs: number;
  isDue: boolean;
}

/**
 * Keeps the retained messages of neighbours alike. Each crosses with its broker's stream; what a stream cannot bring (since
 * the origin is away, or its journal has dropped it) is found by comparing: once after a link has come up and the backlog
 * is through, at intervals, and after another neighbour has brought something.
 */
export class RetainedSync {
  readonly #options: RetainedSyncOptions;
  readonly #digest = new RetainedDigest();
  readonly #comparisons = new Map<Neighbour, Comparison>();
  #unsubscribe: () => void = () => {};

  constructor(options: RetainedSyncOptions) {
    this.#options = options;
  }

  start(): void {
    const { port } = this.#options;
    for (const entry of port.retained()) this.#digest.add(entry);
    this.#unsubscribe = port.onRetained((gone, come) => {
      if (gone !== undefined) this.#digest.remove(gone);
      if (come !== undefined) this.#digest.add(come);
    });
  }

  stop(): void {
    this.#unsubscribe();
  }

  attach(neighbour: Neighbour): void {
    const { port, clock } = this.#options;
    const { durablePosition: position } = port.journal;
    this.#comparisons.set(neighbour, { position, sinceMs: clock.monotonicMs(), isDue: false });
  }

  detach(neighbour: Neighbour): void {
    this.#comparisons.delete(neighbour);
  }

  onTick(): void {
    const { clock, limits, hasReached } = this.#options;
    const nowMs = clock.monotonicMs();
    for (const [neighbour, comparison] of this.#comparisons) {
      const isThrough = comparison.position >= 0 && hasReached(neighbour.peer, comparison.position);
      if (!comparison.isDue && !isThrough && nowMs - comparison.sinceMs < limits.retainedCompareMs) continue;
      this.#comparisons.set(neighbour, { position: -1, sinceMs: nowMs, isDue: false });
      neighbour.bulk([beginComparison(this.#digestOf(incoming(neighbour)))]);
    }
  }

  /** Resolves when the frame is dealt with. Throws LINK_PROTOCOL. */
  async onFrame(neighbour: Neighbour, { kind, body }: Frame): Promise<void> {
    const { port, settled } = this.#options;
    switch (kind) {
      case 'digest': {
        await settled();
        const crossing = isBeginning(body) ? outgoing(neighbour) : incoming(neighbour);
        neighbour.bulk(onDigest(body, this.#digestOf(crossing), () => this.#entriesOf(crossing)));
        return;
      }
      case 'keys':
        neighbour.bulk(onKeys(body, () => this.#entriesOf(outgoing(neighbour))));
        return;
      case 'entries': {
        const entries = decodeEntries(body).filter(({ topic }) => neighbour.filters.letsIn(topic));
        const won = await port.mergeRetained(entries);
        neighbour.counters.retainedHealed += won;
        if (won > 0) this.#passOn(neighbour);
        return;
      }
      default:
    }
  }

  #passOn(from: Neighbour): void {
    for (const [neighbour, comparison] of this.#comparisons) if (neighbour !== from) comparison.isDue = true;
  }

  #digestOf(crossing: Crossing): RetainedDigest {
    if (crossing === 'everything') return this.#digest;
    const digest = new RetainedDigest();
    for (const entry of this.#entriesOf(crossing)) digest.add(entry);
    return digest;
  }

  *#entriesOf(crossing: Crossing): Generator<RetainedEntry> {
    for (const entry of this.#options.port.retained()) {
      if (crossing === 'everything' || crossing(entry.topic)) yield entry;
    }
  }
}

/** Which topics may cross in the direction that a comparison is about. */
type Crossing = 'everything' | ((topic: string) => boolean);

function outgoing({ filters }: Neighbour): Crossing {
  return filters.isOpen ? 'everything' : (topic) => filters.mayGo(topic);
}

function incoming({ filters }: Neighbour): Crossing {
  return filters.isOpen ? 'everything' : (topic) => filters.mayCome(topic);
}
