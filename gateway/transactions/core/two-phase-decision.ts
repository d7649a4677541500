import type { TransactionResult } from '../../coordination/types.ts';
import type { Outcome } from './records.ts';
import { type Ask, decideAsk, decidedBy } from './requests.ts';

/** What is going on in a register: what to ask next, and the decision once it stands. */
export interface DecisionStep<S> {
  state: S;
  asks: Ask[];
  decided?: Outcome;
}

export interface TwoPhaseState {
  kind: 'two-phase';
  proposed: Outcome;
}

/** The decision of a two-phase commit: whoever writes the key first has decided. */
export function proposeTwoPhase(
  id: string,
  coordinator: string,
  participants: string[],
  outcome: Outcome,
): DecisionStep<TwoPhaseState> {
  const ask = decideAsk(id, coordinator, { outcome, participants });
  return { state: { kind: 'two-phase', proposed: outcome }, asks: [ask] };
}

export function stepTwoPhase(state: TwoPhaseState, result: TransactionResult): DecisionStep<TwoPhaseState> {
  return { state, asks: [], decided: decidedBy(result, state.proposed) };
}
