import { type Random, seededRandom } from '../../../../core/random/index.ts';
import type { TransactionResult } from '../../../../gateway/coordination/types.ts';
import {
  type Ask,
  beginRecovery,
  beginTransaction,
  type DecisionPlace,
  type Effect,
  type Event,
  type Finished,
  lockKey,
  type Part,
  preparedKey,
  type Seen,
  type Step,
  stepTransaction,
  sweep,
  TRANSACTIONS_PREFIX,
} from '../../../../gateway/transactions/core/index.ts';
import { MemorySite } from '../../../support/memory-site.ts';
import { Observer } from './observer.ts';

const DECIDE_WITHIN_MS = 1_000;
const LIMITS = { prepareWithinMs: 600, finishWithinMs: 3_000 };
const SWEEP_MS = 300;
const HEALED_MS = 8_000;
const END_MS = 24_000;
export const SITES = ['a', 'b', 'c'];

/** Alters one thing of the protocol, so that the checks can be seen to notice. */
export interface PlantedBug {
  ask?: (ask: Ask, by: 'coordinator' | 'recovery') => Ask;
  reply?: (ask: Ask, result: TransactionResult, by: 'coordinator' | 'recovery') => TransactionResult;
  /** Kinds of requests that the fault fakes: they are answered with yes and never reach the site. */
  swallow?: (ask: Ask, by: 'coordinator' | 'recovery') => boolean;
}

export interface WorldOptions {
  seed: number;
  decision: 'two-phase' | 'paxos';
  /** The first coordinator dies after so many effects; undefined leaves it to the seed. */
  crashAfterEffects?: number;
  faults: boolean;
  bug?: PlantedBug;
  /** A site that never comes back. */
  lostSite?: string;
}

interface Actor {
  by: 'coordinator' | 'recovery';
  step: Step;
  effectsLeft: number;
  finished?: Finished;
}

/**
 * Three sites and two transactions over overlapping keys, in virtual time: requests that are lost, late or doubled, sites
 * that are down for a while, coordinators that die after any effect, recovery at every site. Returns what is wrong.
 */
export function runWorld(options: WorldOptions): { faults: string[]; outcomes: (string | undefined)[]; locks: number } {
  const world = new World(options);
  world.run();
  return { faults: world.check(), outcomes: world.outcomes(), locks: world.locks() };
}

class World {
  readonly options: WorldOptions;
  readonly random: Random;
  readonly sites = new Map(SITES.map((name) => [name, new MemorySite()]));
  readonly downUntilMs = new Map<string, number>();
  readonly coordinators = new Map<string, Actor>();
  readonly recovering = new Set<string>();
  readonly seen = new Map<string, Seen>();
  readonly due: { atMs: number; order: number; run: () => void }[] = [];
  readonly observer = new Observer(this.sites);
  readonly parts = new Map<string, Map<string, Part>>();
  /** Whether both transactions want to find the shared key as it was. */
  readonly conditional: boolean;
  nowMs = 0;
  order = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    this.conditional = options.seed % 2 === 0;
  }

  run(): void {
    const { random, options } = this;
    for (const site of this.sites.values()) {
      site.transact({ compare: [], success: [{ op: 'put', key: 'shared', value: 'initial' }], failure: [] });
    }
    if (options.faults) {
      for (const name of SITES) if (random.below(3) === 0) this.downUntilMs.set(name, random.below(HEALED_MS));
    }
    if (options.lostSite !== undefined)
      this.at(random.below(60), () => this.downUntilMs.set(options.lostSite!, Infinity));
    this.at(0, () => this.begin('t1', SITES));
    this.at(random.below(200), () => this.begin('t2', ['b', 'c']));
    for (const name of SITES) this.at(random.below(SWEEP_MS), () => this.sweepAt(name));
    while (this.due.length > 0) {
      let first = 0;
      for (let i = 1; i < this.due.length; i++) {
        const [one, best] = [this.due[i]!, this.due[first]!];
        if (one.atMs < best.atMs || (one.atMs === best.atMs && one.order < best.order)) first = i;
      }
      const [next] = this.due.splice(first, 1);
      if (next!.atMs > END_MS) break;
      this.nowMs = next!.atMs;
      next!.run();
      this.observer.look();
    }
  }

  begin(id: string, participants: string[]): void {
    const { options, random } = this;
    const decision: DecisionPlace =
      options.decision === 'paxos'
        ? { kind: 'paxos', acceptors: SITES }
        : { kind: 'two-phase', coordinator: participants[0]! };
    const parts = new Map(
      participants.map((site): [string, Part] => [
        site,
        {
          compare: this.conditional ? [{ key: 'shared', target: 'version', op: '=', value: 1 }] : [],
          prepared: {
            participants,
            decision,
            decideWithinMs: DECIDE_WITHIN_MS,
            operations: [
              { op: 'put', key: 'shared', value: id },
              { op: 'put', key: `own/${id}`, value: id },
            ],
            lockedKeys: ['shared', `own/${id}`],
          },
        },
      ]),
    );
    this.parts.set(id, parts);
    const dies = options.crashAfterEffects !== undefined ? id === 't1' : options.faults && random.below(2) === 0;
    const actor: Actor = {
      by: 'coordinator',
      step: beginTransaction({ id, parts, decision, proposer: id }, LIMITS),
      effectsLeft: dies ? (options.crashAfterEffects ?? random.below(16)) : Number.POSITIVE_INFINITY,
    };
    this.coordinators.set(id, actor);
    this.perform(actor, actor.step.effects);
  }

  perform(actor: Actor, effects: Effect[], onFinish: () => void = () => undefined): void {
    for (const effect of effects) {
      if (effect.kind !== 'timer' && actor.effectsLeft-- <= 0) return;
      if (effect.kind === 'finish') {
        actor.finished = effect.result;
        if (effect.result.contradictedBy !== undefined) this.observer.problems.push('a site had ended the other way');
        onFinish();
      } else if (effect.kind === 'timer') {
        this.at(effect.delayMs, () => this.deliver(actor, { kind: 'timer', timer: effect.timer }, onFinish));
      } else {
        const backoffMs = effect.ask.attempt === 0 ? 0 : this.random.below(100 * Math.min(effect.ask.attempt, 5));
        this.at(backoffMs + this.travelMs(), () => this.arrive(actor, effect.request, effect.ask, onFinish));
      }
    }
  }

  arrive(actor: Actor, request: number, original: Ask, onFinish: () => void): void {
    const { bug, faults } = this.options;
    const ask = bug?.ask?.(original, actor.by) ?? original;
    const { site: name, transaction } = ask;
    const fail = (): void => {
      const event: Event = { kind: 'failed', request, reason: 'time-out', refused: false };
      this.at(100, () => this.deliver(actor, event, onFinish));
    };
    const luck = faults && this.nowMs < HEALED_MS ? this.random.below(20) : 19;
    if (luck < 2 || this.nowMs < (this.downUntilMs.get(name) ?? 0)) {
      fail();
      return;
    }
    const swallowed = bug?.swallow?.(ask, actor.by) === true;
    const site = this.sites.get(name)!;
    const result = swallowed ? { succeeded: true, revision: 0, results: [] } : site.transact(transaction);
    if (luck < 4 && !swallowed) this.at(this.random.below(4_000), () => site.transact(transaction));
    if (luck >= 4 && luck < 6) {
      fail();
      return;
    }
    const seenAs = bug?.reply?.(ask, result, actor.by) ?? result;
    const event: Event = { kind: 'reply', request, result: seenAs };
    this.at(this.travelMs(), () => this.deliver(actor, event, onFinish));
    if (luck < 8) this.at(this.random.below(500), () => this.deliver(actor, event, onFinish));
  }

  deliver(actor: Actor, event: Event, onFinish: () => void): void {
    if (actor.effectsLeft <= 0) return;
    actor.step = stepTransaction(actor.step.state, event);
    this.perform(actor, actor.step.effects, onFinish);
  }

  sweepAt(name: string): void {
    this.at(SWEEP_MS, () => this.sweepAt(name));
    if (this.nowMs < (this.downUntilMs.get(name) ?? 0)) return;
    const keyValues = this.sites.get(name)!.range({ prefix: TRANSACTIONS_PREFIX });
    const work = sweep(this.seen.get(name) ?? new Map(), keyValues, this.nowMs, Number.POSITIVE_INFINITY);
    this.seen.set(name, work.seen);
    for (const { id, prepared } of work.recover) {
      const run = `${name}/${id}`;
      if (this.recovering.has(run)) continue;
      this.recovering.add(run);
      const parts = new Map(prepared.participants.map((site) => [site, undefined]));
      const proposer = `${name}-${this.order}`;
      const step = beginRecovery({ id, parts, decision: prepared.decision, proposer }, LIMITS);
      const dies = this.options.faults && this.nowMs < HEALED_MS && this.random.below(4) === 0;
      const effectsLeft = dies ? this.random.below(10) : Number.POSITIVE_INFINITY;
      const actor: Actor = { by: 'recovery', step, effectsLeft };
      const over = (): boolean => this.recovering.delete(run);
      if (dies) this.at(2_000, over);
      this.perform(actor, step.effects, over);
    }
  }

  check(): string[] {
    const faults = [...this.observer.problems];
    for (const [id, parts] of this.parts) {
      const applied = [...parts.keys()].filter((site) => this.puts(site, `own/${id}`) > 0);
      const live = [...parts.keys()].filter((site) => site !== this.options.lostSite);
      if (applied.some((site) => this.puts(site, `own/${id}`) > 1)) faults.push(`${id} was applied twice at a site`);
      const liveApplied = applied.filter((site) => live.includes(site)).length;
      if (liveApplied !== 0 && liveApplied !== live.length) faults.push(`${id} was applied at ${applied} alone`);
      const told = this.coordinators.get(id)?.finished?.outcome;
      if (told !== undefined && (told === 'commit') !== liveApplied > 0) faults.push(`${id} was said to ${told}`);
    }
    const shared = this.sites.get('b')!.puts.filter(({ key, value }) => key === 'shared' && value !== 'initial');
    if (this.conditional && shared.length > 1) faults.push('both transactions changed what each found unchanged');
    if (this.locks() > 0) faults.push(`${this.locks()} locks are left`);
    return faults;
  }

  outcomes(): (string | undefined)[] {
    return [...this.parts.keys()].map((id) => this.observer.doneAs.get(id));
  }

  locks(): number {
    let left = 0;
    for (const [name, site] of this.sites) {
      if (name === this.options.lostSite) continue;
      left += site.range({ prefix: lockKey('') }).length + site.range({ prefix: preparedKey('') }).length;
    }
    return left;
  }

  puts(site: string, key: string): number {
    return this.sites.get(site)!.puts.filter((put) => put.key === key).length;
  }

  travelMs(): number {
    return 1 + this.random.below(this.options.faults ? 60 : 5);
  }

  at(delayMs: number, run: () => void): void {
    this.due.push({ atMs: this.nowMs + delayMs, order: this.order++, run });
  }
}
