import type { KeyValue, Transaction, TransactionResult } from '../../coordination/types.ts';
import { registerKey } from './keys.ts';
import { type Ballot, compareBallots, type Outcome, type Register, registerSchema } from './records.ts';
import { type Ask, foundAt, getOf, isAbsent } from './requests.ts';
import type { DecisionStep } from './two-phase-decision.ts';

/*
 * The decision as a single-decree Paxos register over the sites (Lamport 2001, "Paxos Made Simple"; Gray and Lamport 2006,
 * "Consensus on Transaction Commit"): it stands once a majority of the acceptors has accepted it at one ballot, and no
 * single site is needed to learn or to complete it.
 *
 * An acceptor is a key in its site's group, changed by compare-and-set: the proposer computes the acceptor's next state
 * from the one it knows, and when that is out of date the result brings the present one, from which it computes again.
 *
 * Round 0 belongs to the coordinator alone, which may therefore go straight to phase 2. Everybody else begins with
 * phase 1 at a higher round and proposes what the highest ballot among its promises has accepted, or else to abort.
 */

export interface PaxosState {
  kind: 'paxos';
  id: string;
  acceptors: string[];
  participants: string[];
  /** Unique to this proposal. */
  proposer: string;
  round: number;
  phase: 'promise' | 'accept';
  /** What it proposes while no promise tells it otherwise. */
  own: Outcome;
  /** What it proposes in phase 2. */
  value: Outcome;
  promises: ReadonlyMap<string, Register['accepted']>;
  accepted: ReadonlySet<string>;
}

export interface Proposal {
  id: string;
  acceptors: string[];
  participants: string[];
  proposer: string;
  outcome: Outcome;
}

/** With ownsRoundZero (the coordinator of the transaction, once) phase 1 is left out. */
export function proposePaxos(proposal: Proposal, ownsRoundZero: boolean): DecisionStep<PaxosState> {
  const { outcome, ...rest } = proposal;
  return begin({
    ...rest,
    kind: 'paxos',
    round: ownsRoundZero ? 0 : 1,
    phase: ownsRoundZero ? 'accept' : 'promise',
    own: outcome,
    value: outcome,
    promises: new Map(),
    accepted: new Set(),
  });
}

export function stepPaxos(state: PaxosState, ask: Ask, result: TransactionResult): DecisionStep<PaxosState> {
  const { site } = ask;
  if (ask.purpose !== state.phase || ask.ballot?.round !== state.round) return { state, asks: [] };
  if (result.succeeded) {
    return state.phase === 'accept' ? accepted(state, site) : promised(state, site, acceptedIn(ask.transaction));
  }
  const ballot = ballotOf(state);
  const found = foundAt(result, 0);
  if (found === undefined) return { state, asks: [acceptorAsk(state, site, undefined)] };
  const register = readRegister(found);
  const order = compareBallots(register.promised, ballot);
  if (order > 0) return begin(overtaken(state, register.promised.round + 1));
  // An earlier copy of the request was carried out, and its answer lost.
  if (order === 0 && state.phase === 'promise') return promised(state, site, register.accepted);
  if (order === 0 && isAcceptedAt(register, ballot)) return accepted(state, site);
  return { state, asks: [acceptorAsk(state, site, found)] };
}

function promised(state: PaxosState, site: string, had: Register['accepted']): DecisionStep<PaxosState> {
  const next = { ...state, promises: new Map(state.promises).set(site, had) };
  if (!isMajority(next.promises.size, next)) return { state: next, asks: [] };
  let highest: Register['accepted'];
  for (const one of next.promises.values()) {
    if (one && (!highest || compareBallots(one.ballot, highest.ballot) > 0)) highest = one;
  }
  return begin({ ...next, phase: 'accept', value: highest?.outcome ?? state.own });
}

function accepted(state: PaxosState, site: string): DecisionStep<PaxosState> {
  const next = { ...state, accepted: new Set(state.accepted).add(site) };
  return isMajority(next.accepted.size, next)
    ? { state: next, asks: [], decided: next.value }
    : { state: next, asks: [] };
}

function begin(state: PaxosState): DecisionStep<PaxosState> {
  return { state, asks: state.acceptors.map((site) => acceptorAsk(state, site, undefined)) };
}

/** Somebody has promised a higher ballot: begin again above it. */
function overtaken(state: PaxosState, round: number): PaxosState {
  return { ...state, round, phase: 'promise', promises: new Map(), accepted: new Set() };
}

/** Asks the acceptor to go on from the state that it was found in; undefined for one that has none. */
function acceptorAsk(state: PaxosState, site: string, found: KeyValue | undefined): Ask {
  const key = registerKey(state.id);
  const ballot = ballotOf(state);
  const had = found && readRegister(found).accepted;
  const acceptedNext = state.phase === 'accept' ? { ballot, outcome: state.value } : had;
  const register: Register = {
    promised: ballot,
    ...(acceptedNext && { accepted: acceptedNext }),
    participants: state.participants,
  };
  return {
    site,
    purpose: state.phase,
    // Each round above the first is one more that was lost to a rival.
    attempt: state.phase === 'promise' ? Math.max(0, state.round - 1) : 0,
    ballot,
    transaction: {
      compare: [found ? { key, target: 'modRevision', op: '=', value: found.modRevision } : isAbsent(key)],
      success: [{ op: 'put', key, value: JSON.stringify(register) }],
      failure: [getOf(key)],
    },
  };
}

/** A promise that was carried out says by its own request what the acceptor had accepted before. */
function acceptedIn(transaction: Transaction): Register['accepted'] {
  const put = transaction.success[0];
  return put?.op === 'put' ? registerSchema.parse(JSON.parse(put.value)).accepted : undefined;
}

const readRegister = (found: KeyValue): Register => registerSchema.parse(JSON.parse(found.value));
const ballotOf = (state: PaxosState): Ballot => ({ round: state.round, proposer: state.proposer });
const isMajority = (count: number, state: PaxosState): boolean => count > state.acceptors.length / 2;
const isAcceptedAt = (register: Register, ballot: Ballot): boolean =>
  register.accepted !== undefined && compareBallots(register.accepted.ballot, ballot) === 0;
