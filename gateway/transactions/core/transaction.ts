import type { Compare, TransactionResult } from '../../coordination/types.ts';
import { type PaxosState, proposePaxos, stepPaxos } from './paxos-decision.ts';
import type { DecisionPlace, Outcome, Prepared } from './records.ts';
import {
  type Ask,
  closeAsk,
  foundAt,
  outcomeIn,
  prepareAsk,
  preparedIn,
  readAsk,
  refusalOf,
  settleAsk,
} from './requests.ts';
import { type DecisionStep, proposeTwoPhase, stepTwoPhase, type TwoPhaseState } from './two-phase-decision.ts';

/*
 * A change over several sites, as its coordinator drives it or as anybody completes it, by two-phase commit (Gray 1978;
 * presumed abort after Mohan, Lindsay and Obermarck 1986):
 *
 *   preparing   every site is asked to prepare. All say yes: the commit is proposed. One says no, or the time is up:
 *               abort. That needs no record: only the coordinator ever proposes a commit by itself, and it will not.
 *   deciding    the register holds one decision for good, whoever wrote it. Recovery begins here, proposing to abort.
 *   settling    each site carries the decision out and gives back its locks.
 *
 * What a site or a register has to remember is in the log of its group, so a coordinator may die after any step.
 */

export interface Plan {
  id: string;
  /** What each participant is to do when the decision is to commit; known to the coordinator, read again by recovery. */
  parts: ReadonlyMap<string, Part | undefined>;
  decision: DecisionPlace;
  /** Unique to this run. */
  proposer: string;
}

export interface Part {
  prepared: Prepared;
  compare: Compare[];
}

export interface Limits {
  /** A vote that is not in by then is a no. */
  prepareWithinMs: number;
  /** Then the run ends as it stands; what is left is completed by recovery. */
  finishWithinMs: number;
}

export type Effect =
  | { kind: 'transact'; request: number; ask: Ask }
  | { kind: 'timer'; timer: TimerName; delayMs: number }
  | { kind: 'finish'; result: Finished };

export type TimerName = 'prepare' | 'finish';

export type Event =
  | { kind: 'reply'; request: number; result: TransactionResult }
  /** It may or may not have taken effect. A refusal will not change by asking again. */
  | { kind: 'failed'; request: number; reason: string; refused: boolean }
  | { kind: 'timer'; timer: TimerName };

export interface Finished {
  /** Undefined: in doubt, it is not known here what was or will be decided. */
  outcome?: Outcome;
  /** Why it was aborted: the site and its reason. */
  reason?: string;
  /** Sites that have not confirmed that they carried the decision out. */
  pendingSites: string[];
  /** A site that had ended the transaction the other way; that cannot be unless somebody else wrote into its records. */
  contradictedBy?: string;
}

export interface TransactionState {
  plan: Plan;
  phase: 'preparing' | 'deciding' | 'settling' | 'finished';
  /** Requests under way, by number. */
  pending: ReadonlyMap<number, Ask>;
  nextRequest: number;
  yes: ReadonlySet<string>;
  settled: ReadonlySet<string>;
  register?: TwoPhaseState | PaxosState;
  outcome?: Outcome;
  reason?: string;
  contradictedBy?: string;
}

export interface Step {
  state: TransactionState;
  effects: Effect[];
}

/** The coordinator begins: every part of the plan must be known. */
export function beginTransaction(plan: Plan, limits: Limits): Step {
  const asks = [...plan.parts].map(([site, part]) => prepareAsk(plan.id, site, part!.prepared, part!.compare));
  const { state, effects } = send(initial(plan, 'preparing'), asks);
  const voteTimer: Effect = { kind: 'timer', timer: 'prepare', delayMs: limits.prepareWithinMs };
  return { state, effects: [voteTimer, finishTimer(limits), ...effects] };
}

/** Completes what somebody has left: it is aborted unless the decision to commit stands. */
export function beginRecovery(plan: Plan, limits: Pick<Limits, 'finishWithinMs'>): Step {
  const { state, effects } = propose(initial(plan, 'deciding'), 'abort');
  return { state, effects: [finishTimer(limits), ...effects] };
}

export function stepTransaction(state: TransactionState, event: Event): Step {
  if (state.phase === 'finished') return { state, effects: [] };
  if (event.kind === 'timer') {
    if (event.timer === 'finish') return finish(state);
    return state.phase === 'preparing' ? settle(state, 'abort', notPreparedInTime(state)) : { state, effects: [] };
  }
  const ask = state.pending.get(event.request);
  if (ask === undefined) return { state, effects: [] };
  const pending = new Map(state.pending);
  pending.delete(event.request);
  const rest = { ...state, pending };
  if (event.kind === 'reply') return onReply(rest, ask, event.result);
  if (ask.purpose === 'prepare' && event.refused) return settle(rest, 'abort', `${ask.site}: ${event.reason}`);
  return send(rest, [{ ...ask, attempt: ask.attempt + 1 }]);
}

function onReply(state: TransactionState, ask: Ask, result: TransactionResult): Step {
  const { plan } = state;
  switch (ask.purpose) {
    case 'prepare': {
      const refusal = refusalOf(plan.parts.get(ask.site)!.prepared, result);
      if (refusal !== undefined) return settle(state, 'abort', `${ask.site}: ${refusal}`);
      const next = { ...state, yes: new Set(state.yes).add(ask.site) };
      return next.yes.size === plan.parts.size ? propose(next, 'commit') : { state: next, effects: [] };
    }
    case 'decide':
    case 'promise':
    case 'accept':
      return follow(state, stepRegister(state.register!, ask, result));
    case 'read':
      return send(state, [settlementOf(state, ask.site, preparedIn(result))]);
    case 'settle':
      return settledAt(state, ask.site, result.succeeded ? undefined : outcomeIn(foundAt(result, 0)));
    case 'close':
      // What had not been prepared a moment ago is by now: a prepare that came late.
      if (!result.succeeded) return send(state, [settlementOf(state, ask.site, preparedIn(result))]);
      return settledAt(state, ask.site, outcomeIn(foundAt(result, 0)));
  }
}

function propose(state: TransactionState, outcome: Outcome): Step {
  const { id, decision, proposer } = state.plan;
  const participants = [...state.plan.parts.keys()];
  const next: TransactionState = { ...state, phase: 'deciding' };
  if (decision.kind === 'two-phase') {
    return follow(next, proposeTwoPhase(id, decision.coordinator, participants, outcome));
  }
  const proposal = { id, acceptors: decision.acceptors, participants, proposer, outcome };
  return follow(next, proposePaxos(proposal, outcome === 'commit'));
}

function stepRegister(
  register: TwoPhaseState | PaxosState,
  ask: Ask,
  result: TransactionResult,
): DecisionStep<TwoPhaseState | PaxosState> {
  return register.kind === 'two-phase' ? stepTwoPhase(register, result) : stepPaxos(register, ask, result);
}

function follow(state: TransactionState, step: DecisionStep<TwoPhaseState | PaxosState>): Step {
  const next = { ...state, register: step.state };
  return step.decided === undefined ? send(next, step.asks) : settle(next, step.decided, state.reason);
}

/** The decision stands: nothing that is still under way matters any more. */
function settle(state: TransactionState, outcome: Outcome, reason: string | undefined): Step {
  const why = outcome === 'abort' ? (reason ?? 'the coordinator was not heard from in time') : undefined;
  const next: TransactionState = {
    ...state,
    phase: 'settling',
    pending: new Map(),
    outcome,
    ...(why !== undefined && { reason: why }),
  };
  const asks = [...next.plan.parts].map(([site, part]) =>
    part === undefined ? readAsk(next.plan.id, site) : settlementOf(next, site, part.prepared),
  );
  return send(next, asks);
}

function settlementOf(state: TransactionState, site: string, prepared: Prepared | undefined): Ask {
  const record = { outcome: state.outcome!, participants: [...state.plan.parts.keys()] };
  const { id } = state.plan;
  return prepared === undefined ? closeAsk(id, site, record) : settleAsk(id, site, prepared, record);
}

function settledAt(state: TransactionState, site: string, endedBefore: Outcome | undefined): Step {
  const settled = new Set(state.settled).add(site);
  const contradicted = endedBefore !== undefined && endedBefore !== state.outcome;
  const next = { ...state, settled, ...(contradicted && { contradictedBy: site }) };
  return settled.size === state.plan.parts.size ? finish(next) : { state: next, effects: [] };
}

function finish(state: TransactionState): Step {
  const { outcome, reason, contradictedBy } = state;
  const result: Finished = {
    pendingSites: [...state.plan.parts.keys()].filter((site) => !state.settled.has(site)),
    ...(outcome !== undefined && { outcome }),
    ...(reason !== undefined && { reason }),
    ...(contradictedBy !== undefined && { contradictedBy }),
  };
  return { state: { ...state, phase: 'finished', pending: new Map() }, effects: [{ kind: 'finish', result }] };
}

function send(state: TransactionState, asks: Ask[]): Step {
  const pending = new Map(state.pending);
  let { nextRequest } = state;
  const effects: Effect[] = [];
  for (const ask of asks) {
    pending.set(nextRequest, ask);
    effects.push({ kind: 'transact', request: nextRequest++, ask });
  }
  return { state: { ...state, pending, nextRequest }, effects };
}

function finishTimer(limits: Pick<Limits, 'finishWithinMs'>): Effect {
  return { kind: 'timer', timer: 'finish', delayMs: limits.finishWithinMs };
}

function initial(plan: Plan, phase: 'preparing' | 'deciding'): TransactionState {
  return { plan, phase, pending: new Map(), nextRequest: 1, yes: new Set(), settled: new Set() };
}

function notPreparedInTime(state: TransactionState): string {
  const missing = [...state.plan.parts.keys()].filter((site) => !state.yes.has(site));
  return `${missing.join(', ')}: no vote in time`;
}
