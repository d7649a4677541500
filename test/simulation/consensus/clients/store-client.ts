import type { Command, CommandResult, RequestId } from '../../../../gateway/coordination/state/index.ts';
import type { KeyValue } from '../../../../gateway/coordination/types.ts';
import type { StoreInput, StoreOutput } from '../../linearizability/index.ts';
import { Violation } from '../../violation.ts';
import type { Boot, Machine, ProcessEvent, Program } from '../../world/index.ts';
import type { Ask, Stored, Wire } from '../types.ts';
import { Caller } from './caller.ts';
import { type ClientSurroundings, pickMember } from './surroundings.ts';

const THINK_TIMER = 0;
const ATTEMPT_MS = { min: 60, max: 600 };
const CALL_MS = 1_500;

interface RangeAnswer {
  keyValues: KeyValue[];
  revision: number;
}

interface Habits {
  /** Between an answer and the next question, on average. */
  thinkMs: number;
  onlyReads: boolean;
}

/** Asks for one thing after the other: gets, puts, deletes and compare-and-sets of a few keys. */
export function storeClient(surroundings: ClientSurroundings, habits: Habits): Boot<Wire, Stored> {
  return (machine) => new StoreClient(surroundings, machine, habits);
}

class StoreClient implements Program<Wire> {
  readonly #surroundings: ClientSurroundings;
  readonly #machine: Machine<Wire, Stored>;
  readonly #habits: Habits;
  readonly #caller: Caller;
  /** Last known modRevision of each key: what a compare-and-set expects. */
  readonly #known = new Map<string, number>();
  #sequence = 0;

  constructor(surroundings: ClientSurroundings, machine: Machine<Wire, Stored>, habits: Habits) {
    this.#surroundings = surroundings;
    this.#machine = machine;
    this.#habits = habits;
    this.#caller = new Caller(machine, () => pickMember(surroundings, machine.random), surroundings.isDoubled);
    this.#think();
  }

  onEvent(event: ProcessEvent<Wire>): void {
    if (this.#caller.onEvent(event)) return;
    if (event.type === 'timer' && !this.#surroundings.isOver()) this.#begin();
  }

  #think(): void {
    this.#machine.setTimer(-Math.log(1 - this.#machine.random.next()) * this.#habits.thinkMs, THINK_TIMER);
  }

  #begin(): void {
    const { history } = this.#surroundings;
    const { random } = this.#machine;
    const input = this.#nextInput();
    const begun = history.begin(this.#machine.id, input, this.#surroundings.nowMs());
    const attemptMs = ATTEMPT_MS.min * (ATTEMPT_MS.max / ATTEMPT_MS.min) ** random.next();
    this.#machine.trace(() => `asks: ${describe(input)}`);
    this.#caller.call(this.#askFor(input), attemptMs, CALL_MS, (ended) => {
      if (ended.answer === undefined) {
        this.#machine.trace(() => `has no answer: ${describe(input)}`);
        if (ended.isRefused) history.refuse(begun);
        else history.lose(begun);
      } else {
        const { output, revision } = outputOf(input, ended.answer);
        this.#machine.trace(() => `is told: ${describe(input)} -> ${JSON.stringify(output)} at revision ${revision}`);
        if (input.op === 'get' || output.revision !== 0) this.#known.set(input.key, output.revision);
        this.#machine.mark(output.revision, revision);
        history.end(begun, output, revision);
      }
      this.#think();
    });
  }

  #nextInput(): StoreInput {
    const { random, id } = this.#machine;
    const key = `k${random.below(this.#surroundings.keys)}`;
    const value = `${id}.${this.#sequence + 1}`;
    const roll = random.next();
    if (roll < 0.45 || this.#habits.onlyReads) return { op: 'get', key };
    if (roll < 0.7) return { op: 'put', key, value };
    if (roll < 0.92) return { op: 'cas', key, expectedRevision: this.#known.get(key) ?? 0, value };
    return { op: 'delete', key };
  }

  #askFor(input: StoreInput): Ask {
    if (input.op === 'get') {
      const isLease = this.#surroundings.hasLeaseReads && this.#machine.random.next() < 0.7;
      return { op: 'read', key: input.key, consistency: isLease ? 'lease' : 'linearizable', timeoutMs: CALL_MS };
    }
    this.#sequence += 1;
    const id: RequestId = { client: `client-${this.#machine.id}`, sequence: this.#sequence };
    return { op: 'propose', request: { id, command: commandFor(input) }, timeoutMs: CALL_MS };
  }
}

function commandFor(input: Exclude<StoreInput, { op: 'get' }>): Command {
  const { key } = input;
  switch (input.op) {
    case 'put':
      return { type: 'put', key, value: input.value };
    case 'delete':
      return { type: 'delete', range: { key } };
    case 'cas':
      return {
        type: 'transaction',
        compare: [{ key, target: 'modRevision', op: '=', value: input.expectedRevision }],
        success: [{ op: 'put', key, value: input.value }],
        failure: [],
      };
  }
}

function outputOf(input: StoreInput, answer: unknown): { output: StoreOutput; revision: number } {
  if (input.op === 'get') {
    const { keyValues, revision } = answer as RangeAnswer;
    const [found] = keyValues;
    if (found === undefined) return { output: { value: '', version: 0, revision: 0 }, revision };
    return { output: { value: found.value, version: found.version, revision: found.modRevision }, revision };
  }
  const result = answer as CommandResult;
  if (result.type !== 'transaction') throw new Violation(`a ${input.op} is answered by ${JSON.stringify(result)}`);
  const { revision, succeeded, results } = result;
  const [first] = results;
  const hasChanged = input.op === 'delete' ? first?.op === 'delete' && first.deleted.length > 0 : succeeded;
  return { output: { revision: hasChanged ? revision : 0 }, revision };
}

function describe({ op, key, ...rest }: StoreInput): string {
  return `${op} ${key} ${Object.values(rest).join(' ')}`.trimEnd();
}
