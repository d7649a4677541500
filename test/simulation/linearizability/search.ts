import { Candidates, NONE } from './candidates.ts';
import { Seen } from './seen.ts';
import type { Model, Operation, Verdict } from './types.ts';

/*
 * Wing and Gong 1993 ("Testing and verifying concurrent objects"): choose one of the operations that no unchosen one precedes,
 * let the model carry it out, go on; where nothing can be chosen, go back. With the cache of seen.ts, and two shortcuts:
 *
 * - An observation, such as a read, that fits is chosen at once and nothing is ever tried in its place: in every order that
 *   begins as this one it can be moved to here.
 * - Operations of unknown outcome are tried only when no completed one leads on, and only if they change the state: first one
 *   of them, then two in a row, and so on, so that the search uses up as few as it can. Each may be left out for good, so
 *   the search is over when every completed one is in its place.
 */

export interface SearchResult {
  verdict: Verdict;
  steps: number;
  /** Unless it is linearizable: the order with the most completed operations that was found, and one that could not follow it. */
  longest: number[];
  stuck: number | undefined;
}

/** Operations of unknown outcome in a row, by their calls, and the state after them. */
interface Chain<State> {
  entries: number[];
  state: State;
  stateId: number;
}

/** A place in the search: the state, and what is to be tried next from there. */
interface Place<State> {
  state: State;
  stateId: number;
  /** The next completed operation to try, before the first return. */
  entry: number;
  /** The calls that led here, and whether it makes no sense to try others instead. */
  by: number[];
  isForced: boolean;
  /** Shortest first; begun when all completed operations have been tried. Not after another chain, which goes on itself. */
  chains: Chain<State>[] | undefined;
  chain: number;
  unknown: number;
}

/** Searches one partition; the operations in the order of their calls. */
export function search<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  stepsMax: number,
): SearchResult {
  return new Search(model, operations).run(stepsMax);
}

class Search<State, Input, Output> {
  readonly #model: Model<State, Input, Output>;
  readonly #operations: readonly Operation<Input, Output>[];
  readonly #candidates: Candidates;
  readonly #seen: Seen;
  /** From the start to where the search is. */
  readonly #places: Place<State>[] = [];
  #steps = 0;
  #completed = 0;
  #longest: number[] = [];
  #longestCompleted = -1;
  #stuck: number | undefined;

  constructor(model: Model<State, Input, Output>, operations: readonly Operation<Input, Output>[]) {
    this.#model = model;
    this.#operations = operations;
    this.#candidates = new Candidates(operations);
    this.#seen = new Seen(operations.length);
    const state = model.initial();
    this.#arrive(state, this.#seen.stateId(model.fingerprint(state)), [], false);
  }

  run(stepsMax: number): SearchResult {
    while (this.#candidates.first() !== NONE) {
      if (this.#steps > stepsMax) return this.#result('unknown');
      if (!this.#goOn() && !this.#goBack()) return this.#result('not-linearizable');
    }
    return this.#result('linearizable');
  }

  /** Chooses what comes next; false when nothing is left to try from here. */
  #goOn(): boolean {
    const place = this.#places.at(-1)!;
    if (place.entry === this.#candidates.first()) {
      for (let entry = place.entry; isCall(entry); entry = this.#candidates.next(entry)) {
        const { input, output } = this.#operations[entry >> 1]!;
        if (!this.#model.isObservation(input, output!)) continue;
        const after = this.#step(place.state, entry);
        if (after?.stateId === place.stateId) return this.#choose([entry], after, true);
      }
    }
    while (isCall(place.entry)) {
      const { entry } = place;
      place.entry = this.#candidates.next(entry);
      const after = this.#step(place.state, entry);
      if (after !== undefined && this.#choose([entry], after, false)) return true;
    }
    return this.#lengthenChains(place);
  }

  #lengthenChains(place: Place<State>): boolean {
    if (place.chains === undefined) return false;
    for (; place.chain < place.chains.length; place.chain++) {
      const chain = place.chains[place.chain]!;
      while (place.unknown !== NONE && this.#candidates.hadBegun(place.unknown, place.entry)) {
        const entry = place.unknown;
        place.unknown = this.#candidates.next(entry);
        if (chain.entries.includes(entry)) continue;
        const after = this.#step(chain.state, entry);
        if (after === undefined || after.stateId === chain.stateId) continue;
        const entries = [...chain.entries, entry];
        if (!this.#choose(entries, after, false)) continue;
        place.chains.push({ entries, ...after });
        return true;
      }
      place.unknown = this.#candidates.firstUnknown();
    }
    return false;
  }

  #step(state: State, entry: number): { state: State; stateId: number } | undefined {
    this.#steps += 1;
    const { input, output } = this.#operations[entry >> 1]!;
    const after = this.#model.step(state, input, output);
    return after === undefined
      ? undefined
      : { state: after, stateId: this.#seen.stateId(this.#model.fingerprint(after)) };
  }

  /** False when the search has been at what follows. */
  #choose(entries: number[], { state, stateId }: { state: State; stateId: number }, isForced: boolean): boolean {
    for (const entry of entries) this.#toggle(entry);
    if (!this.#seen.add(stateId)) {
      for (const entry of entries) this.#toggle(entry);
      return false;
    }
    for (const entry of entries) this.#candidates.take(entry);
    if (!this.#isUnknown(entries[0]!)) this.#completed += 1;
    this.#arrive(state, stateId, entries, isForced);
    return true;
  }

  #arrive(state: State, stateId: number, by: number[], isForced: boolean): void {
    const isAfterChain = by.length > 0 && this.#isUnknown(by[0]!);
    this.#places.push({
      state,
      stateId,
      entry: this.#candidates.first(),
      by,
      isForced,
      chains: isAfterChain ? undefined : [{ entries: [], state, stateId }],
      chain: 0,
      unknown: this.#candidates.firstUnknown(),
    });
  }

  /** To the last place where something else can be tried; false when there is none. */
  #goBack(): boolean {
    this.#noteLongest();
    while (this.#places.length > 1) {
      const { by, isForced } = this.#places.pop()!;
      for (const entry of by.toReversed()) {
        this.#candidates.putBack(entry);
        this.#toggle(entry);
      }
      if (!this.#isUnknown(by[0]!)) this.#completed -= 1;
      if (!isForced) return true;
    }
    return false;
  }

  #toggle(entry: number): void {
    this.#seen.toggle(entry >> 1, this.#isUnknown(entry));
  }

  #isUnknown(entry: number): boolean {
    return this.#operations[entry >> 1]!.output === undefined;
  }

  #noteLongest(): void {
    if (this.#completed <= this.#longestCompleted) return;
    this.#longestCompleted = this.#completed;
    this.#longest = this.#places.flatMap(({ by }) => by).map((entry) => entry >> 1);
    let entry = this.#candidates.first();
    while (isCall(entry)) entry = this.#candidates.next(entry);
    this.#stuck = entry >> 1;
  }

  #result(verdict: Verdict): SearchResult {
    return { verdict, steps: this.#steps, longest: this.#longest, stuck: this.#stuck };
  }
}

/** Whether the entry is the call of an operation, not its return nor none. */
function isCall(entry: number): boolean {
  return entry !== NONE && (entry & 1) === 0;
}
