import { LatticeError } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { Compare } from '../coordination/types.ts';
import {
  beginTransaction,
  type ChangeOperation,
  type DecisionPlace,
  type Finished,
  type Limits,
  type Part,
} from './core/index.ts';
import { run, type SiteGroup } from './run.ts';

/** etcd takes 128 operations in a transaction; a commit needs two for each key and two more. */
export const KEYS_PER_SITE_MAX = 60;

export interface TransactorLimits extends Limits {
  requestTimeoutMs: number;
  /** How long after seeing a prepared record recovery leaves the coordinator to decide it; more than prepareWithinMs. */
  decideWithinMs: number;
}

export const TRANSACTOR_LIMITS: TransactorLimits = {
  prepareWithinMs: 5_000,
  finishWithinMs: 15_000,
  requestTimeoutMs: 2_000,
  decideWithinMs: 10_000,
};

export interface TransactorOptions {
  /** Every site that may take part, by name, with its group. With `paxos` they are the acceptors. */
  sites: ReadonlyMap<string, SiteGroup>;
  /**
   * Where a change is decided. `two-phase`: in the group of one participant; while that has no majority, what is prepared
   * waits. `paxos`: by a majority of all sites, at the cost of one more write at each site of that majority.
   */
  decision: 'two-phase' | 'paxos';
  clock: Clock;
  random: Random;
  limits?: Partial<TransactorLimits>;
}

/** What is to happen at one site: the operations, when the comparisons hold there. A key at most once. */
export interface SiteChange {
  compare?: Compare[];
  operations: ChangeOperation[];
}

export interface Committed {
  id: string;
  /** Sites that had not confirmed when the time was up; the change reaches them when they can be reached. */
  pendingSites: string[];
}

/** Makes changes over several sites: at all of them or at none. */
export class Transactor {
  readonly #options: TransactorOptions;
  readonly #limits: TransactorLimits;

  constructor(options: TransactorOptions) {
    this.#options = options;
    this.#limits = { ...TRANSACTOR_LIMITS, ...options.limits };
  }

  /**
   * Resolves once the change is decided, and carried out wherever that was possible within finishWithinMs.
   * Rejects with TRANSACTION_ABORTED (made nowhere: a comparison did not hold, a key was held by another change, or a site
   * did not vote in time), TRANSACTION_IN_DOUBT (recovery will settle it, either way) or COORDINATION_REJECTED (malformed).
   * The first site named is the coordinator of a two-phase commit.
   */
  async commit(change: ReadonlyMap<string, SiteChange>, signal?: AbortSignal): Promise<Committed> {
    const { sites, random } = this.#options;
    for (const [site, one] of change) this.#check(site, one);
    const participants = [...change.keys()];
    if (participants.length === 0) throw new LatticeError('COORDINATION_REJECTED', 'The change names no site.');
    const id = randomId(random);
    const decision: DecisionPlace =
      this.#options.decision === 'paxos'
        ? { kind: 'paxos', acceptors: [...sites.keys()] }
        : { kind: 'two-phase', coordinator: participants[0]! };
    const { decideWithinMs } = this.#limits;
    const parts = new Map(
      [...change].map(([site, { compare = [], operations }]): [string, Part] => [
        site,
        {
          compare,
          prepared: { participants, decision, decideWithinMs, operations, lockedKeys: keysOf({ compare, operations }) },
        },
      ]),
    );
    const finished = await run(beginTransaction({ id, parts, decision, proposer: id }, this.#limits), {
      ...this.#options,
      requestTimeoutMs: this.#limits.requestTimeoutMs,
      signal: signal ?? new AbortController().signal,
    });
    return committed(id, finished);
  }

  #check(site: string, { operations, compare = [] }: SiteChange): void {
    const reject = (why: string): never => {
      throw new LatticeError('COORDINATION_REJECTED', `The change at ${site} ${why}.`);
    };
    if (!this.#options.sites.has(site)) reject('is for a site that is not known here');
    const keys = operations.map(({ key }) => key);
    if (new Set(keys).size !== keys.length) reject('names a key twice');
    if (keysOf({ operations, compare }).length > KEYS_PER_SITE_MAX) reject(`has more than ${KEYS_PER_SITE_MAX} keys`);
  }
}

/** What is compared is held too: it must stay as it was found until the change is made. */
function keysOf({ compare, operations }: Required<SiteChange>): string[] {
  return [...new Set([...compare, ...operations].map(({ key }) => key))];
}

function committed(id: string, { outcome, reason, pendingSites }: Finished): Committed {
  if (outcome === 'commit') return { id, pendingSites };
  if (outcome === 'abort') throw new LatticeError('TRANSACTION_ABORTED', `Transaction ${id}: ${reason}.`);
  throw new LatticeError('TRANSACTION_IN_DOUBT', `Transaction ${id} was not decided in time.`);
}

/** 128 bits, in hexadecimal: nobody else has it. */
export function randomId(random: Random): string {
  return Array.from({ length: 4 }, () =>
    random
      .below(2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('');
}
