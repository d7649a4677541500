import type { Timer } from '../../../../core/time/index.ts';
import type { Machine, ProcessEvent } from '../../world/index.ts';
import type { Ask, Outcome, Stored, Wire } from '../types.ts';

/** Timers from here on are the caller's; those below are its owner's. */
const FIRST_CALL = 1_000;
const PAUSE_MS_MAX = 60;

/** How a call ended: with an answer, or without; then `isRefused` says that no attempt can have taken effect. */
export interface Ended {
  answer: unknown;
  isRefused: boolean;
}

interface Call {
  ask: Ask;
  attemptMs: number;
  endMs: number;
  /** No attempt was lost, each was refused. */
  isRefused: boolean;
  timer: Timer;
  isWaiting: boolean;
  done: (ended: Ended) => void;
}

/** Asks members, one after the other, the same thing until one answers or the time is up. */
export class Caller {
  readonly #machine: Machine<Wire, Stored>;
  readonly #pick: () => number;
  /** Whether the network has doubled messages: then a refusal says nothing, since another copy may get there. */
  readonly #isDoubled: () => boolean;
  readonly #calls = new Map<number, Call>();
  #next = FIRST_CALL;

  constructor(machine: Machine<Wire, Stored>, pick: () => number, isDoubled: () => boolean) {
    this.#machine = machine;
    this.#pick = pick;
    this.#isDoubled = isDoubled;
  }

  get underWay(): number {
    return new Set(this.#calls.values()).size;
  }

  call(ask: Ask, attemptMs: number, withinMs: number, done: (ended: Ended) => void): void {
    const endMs = this.#machine.monotonicMs() + withinMs;
    this.#attempt({ ask, attemptMs, endMs, isRefused: true, timer: NO_TIMER, isWaiting: false, done });
  }

  /** Whether the event was the caller's. */
  onEvent(event: ProcessEvent<Wire>): boolean {
    if (event.type === 'message' && event.message.kind === 'answer') {
      this.#onAnswer(event.message.call, event.message.outcome);
      return true;
    }
    if (event.type !== 'timer' || event.timer < FIRST_CALL) return false;
    const call = this.#calls.get(event.timer);
    if (call !== undefined) {
      // An attempt that nobody answered may have taken effect.
      if (!call.isWaiting) call.isRefused = false;
      this.#attempt(call);
    }
    return true;
  }

  #attempt(call: Call): void {
    const { ask, attemptMs, endMs } = call;
    const leftMs = endMs - this.#machine.monotonicMs();
    if (leftMs <= 0) {
      this.#end(call, { answer: undefined, isRefused: call.isRefused && !this.#isDoubled() });
      return;
    }
    const number = this.#next++;
    call.isWaiting = false;
    this.#calls.set(number, call);
    call.timer.cancel();
    call.timer = this.#machine.setTimer(Math.min(attemptMs, leftMs), number);
    this.#machine.send(this.#pick(), { kind: 'ask', call: number, ask });
  }

  #onAnswer(number: number, outcome: Outcome): void {
    const call = this.#calls.get(number);
    if (call === undefined) return;
    if (outcome.ok) {
      this.#end(call, { answer: outcome.answer, isRefused: false });
      return;
    }
    if (outcome.code !== 'COORDINATION_UNAVAILABLE' && outcome.code !== 'COORDINATION_REJECTED') call.isRefused = false;
    // The answer to an attempt that was given up before.
    if (number !== this.#lastOf(call) || call.isWaiting) return;
    call.timer.cancel();
    call.isWaiting = true;
    const again = this.#next++;
    this.#calls.set(again, call);
    call.timer = this.#machine.setTimer(this.#machine.random.below(PAUSE_MS_MAX), again);
  }

  #lastOf(call: Call): number {
    let last = 0;
    for (const [number, one] of this.#calls) if (one === call) last = number;
    return last;
  }

  #end(call: Call, ended: Ended): void {
    call.timer.cancel();
    for (const [number, one] of this.#calls) if (one === call) this.#calls.delete(number);
    call.done(ended);
  }
}

const NO_TIMER: Timer = { cancel() {} };
