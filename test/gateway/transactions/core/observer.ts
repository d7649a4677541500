import {
  decisionKey,
  doneKey,
  type Outcome,
  outcomeRecordSchema,
  registerKey,
  registerSchema,
} from '../../../../gateway/transactions/core/index.ts';
import type { MemorySite } from '../../../support/memory-site.ts';

const DECISION = decisionKey('');
const DONE = doneKey('');
const REGISTER = registerKey('');

/** Looks at each record as the sites write it: one decision for each transaction, for good, and nothing done against it. */
export class Observer {
  readonly problems: string[] = [];
  readonly doneAs = new Map<string, Outcome>();
  readonly #sites: ReadonlyMap<string, MemorySite>;
  readonly #decided = new Map<string, Outcome>();
  /** Who accepted what at which ballot. */
  readonly #acceptedBy = new Map<string, Set<string>>();
  readonly #lookedAt = new Map<string, number>();

  constructor(sites: ReadonlyMap<string, MemorySite>) {
    this.#sites = sites;
  }

  look(): void {
    for (const [name, { puts }] of this.#sites) {
      for (const put of puts.slice(this.#lookedAt.get(name) ?? 0)) this.#see(name, put.key, put.value);
      this.#lookedAt.set(name, puts.length);
    }
  }

  #see(site: string, key: string, value: string): void {
    if (key.startsWith(DECISION)) this.#decide(key.slice(DECISION.length), outcomeOf(value));
    else if (key.startsWith(DONE)) this.#end(site, key.slice(DONE.length), outcomeOf(value));
    else if (key.startsWith(REGISTER)) this.#accept(site, key.slice(REGISTER.length), value);
  }

  #accept(site: string, id: string, value: string): void {
    const { accepted } = registerSchema.parse(JSON.parse(value));
    if (accepted === undefined) return;
    const at = `${id}/${accepted.ballot.round}/${accepted.ballot.proposer}/${accepted.outcome}`;
    const by = (this.#acceptedBy.get(at) ?? new Set()).add(site);
    this.#acceptedBy.set(at, by);
    if (by.size > this.#sites.size / 2) this.#decide(id, accepted.outcome);
  }

  #decide(id: string, outcome: Outcome): void {
    const before = this.#decided.get(id) ?? outcome;
    if (before !== outcome) this.problems.push(`the decision of ${id} went from ${before} to ${outcome}`);
    this.#decided.set(id, outcome);
  }

  #end(site: string, id: string, outcome: Outcome): void {
    const before = this.doneAs.get(id) ?? outcome;
    if (before !== outcome) this.problems.push(`${site} ended ${id} with ${outcome}, others with ${before}`);
    this.doneAs.set(id, outcome);
    // An abort may be presumed; a commit has to be decided.
    if (outcome === 'commit' && this.#decided.get(id) !== 'commit') this.problems.push(`${id} was committed undecided`);
  }
}

function outcomeOf(value: string): Outcome {
  return outcomeRecordSchema.parse(JSON.parse(value)).outcome;
}
