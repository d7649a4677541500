import { LatticeError } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, repeat, type Timer } from '../../core/time/index.ts';
import type { KeyValue } from '../coordination/types.ts';
import {
  beginRecovery,
  decisionKey,
  doneKey,
  isAbsent,
  preparedKey,
  registerKey,
  type Seen,
  type SweepWork,
  sweep,
} from './core/index.ts';
import { run, type SiteGroup } from './run.ts';
import { randomId, TRANSACTOR_LIMITS } from './transactor.ts';

export interface RecoveryOptions {
  /** The site whose records are looked after. */
  site: string;
  sites: ReadonlyMap<string, SiteGroup>;
  clock: Clock;
  random: Random;
  /**
   * How long the records of an ended transaction are kept. Much longer than any request may be on its way, and than a
   * coordinator may take: a duplicate of a prepare that came later than this would prepare again.
   */
  retainMs?: number;
  sweepEveryMs?: number;
  finishWithinMs?: number;
  requestTimeoutMs?: number;
  /** Told of what went wrong in a sweep: a group that cannot be reached, a record that cannot be read. */
  onTrouble: (trouble: unknown) => void;
}

const DEFAULTS = { ...TRANSACTOR_LIMITS, sweepEveryMs: 2_000, retainMs: 600_000 };

/** Prepared records first, so that they are not kept waiting by what is only to be forgotten. */
const SWEPT_PREFIXES = [preparedKey(''), decisionKey(''), doneKey(''), registerKey('')];
/** Keys of a kind that one sweep looks at; the rest has its turn when these are gone. */
const KEYS_PER_SWEEP_MAX = 1_000;
const AT_ONCE_MAX = 16;

/**
 * Completes what coordinators have left at one site, and forgets what has ended long ago. The leader of every site runs
 * it; any number may run at once.
 */
export class Recovery {
  readonly #options: RecoveryOptions & typeof DEFAULTS;
  readonly #stopping = new AbortController();
  #seen: Seen = new Map();
  #timer: Timer | undefined;
  #sweeping: Promise<void> | undefined;
  readonly counters = { committed: 0, aborted: 0, inDoubt: 0, forgotten: 0 };

  constructor(options: RecoveryOptions) {
    this.#options = { ...DEFAULTS, ...options };
  }

  start(): void {
    this.#timer ??= repeat(this.#options.clock, this.#options.sweepEveryMs, () => this.sweep());
  }

  async stop(): Promise<void> {
    this.#timer?.cancel();
    this.#stopping.abort();
    await this.#sweeping;
  }

  /** One round now; with one under way, that one. Never rejects: trouble is told to onTrouble. */
  sweep(): Promise<void> {
    this.#sweeping ??= this.#sweep().finally(() => {
      this.#sweeping = undefined;
    });
    return this.#sweeping;
  }

  async #sweep(): Promise<void> {
    const { clock, onTrouble, retainMs } = this.#options;
    try {
      const work = sweep(this.#seen, await this.#records(), clock.monotonicMs(), retainMs);
      this.#seen = work.seen;
      for (const key of work.damaged) {
        onTrouble(new LatticeError('TRANSACTION_IN_DOUBT', `${key} holds what is no record of a transaction.`));
      }
      await this.#eachOf(work.recover, (one) => this.#recover(one));
      const unreachable = new Set<string>();
      await this.#eachOf(work.forget, (one) => this.#forget(one, unreachable));
    } catch (error) {
      onTrouble(error);
    }
  }

  async #records(): Promise<KeyValue[]> {
    const records: KeyValue[] = [];
    for (const prefix of SWEPT_PREFIXES) {
      const { keyValues } = await this.#group().range({ prefix }, { ...this.#call(), limit: KEYS_PER_SWEEP_MAX });
      records.push(...keyValues);
    }
    return records;
  }

  async #recover({ id, prepared }: SweepWork['recover'][number]): Promise<void> {
    const { random } = this.#options;
    const parts = new Map(prepared.participants.map((site) => [site, undefined]));
    const plan = { id, parts, decision: prepared.decision, proposer: randomId(random) };
    const finished = await run(beginRecovery(plan, this.#options), { ...this.#options, signal: this.#stopping.signal });
    if (finished.outcome === undefined) this.counters.inDoubt++;
    else this.counters[finished.outcome === 'commit' ? 'committed' : 'aborted']++;
  }

  /** Only when no participant is prepared any more: until then somebody may have to ask how it was decided. */
  async #forget({ id, participants, keys }: SweepWork['forget'][number], unreachable: Set<string>): Promise<void> {
    if (participants.some((site) => unreachable.has(site))) return;
    for (const site of participants) {
      try {
        const { keyValues } = await this.#group(site).range({ key: preparedKey(id) }, this.#call());
        if (keyValues.length > 0) return;
      } catch (error) {
        unreachable.add(site);
        throw error;
      }
    }
    const { succeeded } = await this.#group().transaction(
      {
        compare: [isAbsent(preparedKey(id))],
        success: keys.map((key) => ({ op: 'delete', range: { key } })),
        failure: [],
      },
      this.#call(),
    );
    if (succeeded) this.counters.forgotten++;
  }

  async #eachOf<T>(items: T[], act: (item: T) => Promise<void>): Promise<void> {
    for (let from = 0; from < items.length && !this.#stopping.signal.aborted; from += AT_ONCE_MAX) {
      await Promise.all(items.slice(from, from + AT_ONCE_MAX).map((item) => act(item).catch(this.#options.onTrouble)));
    }
  }

  #group(site = this.#options.site): SiteGroup {
    const group = this.#options.sites.get(site);
    if (group === undefined) throw new LatticeError('COORDINATION_UNAVAILABLE', `The site ${site} is not known here.`);
    return group;
  }

  #call(): { timeoutMs: number; signal: AbortSignal } {
    return { timeoutMs: this.#options.requestTimeoutMs, signal: this.#stopping.signal };
  }
}
