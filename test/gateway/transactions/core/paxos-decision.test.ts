import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { type PaxosState, proposePaxos, stepPaxos } from '../../../../gateway/transactions/core/paxos-decision.ts';
import type { Outcome } from '../../../../gateway/transactions/core/records.ts';
import type { Ask } from '../../../../gateway/transactions/core/requests.ts';
import { MemorySite } from '../../../support/memory-site.ts';

const RUNS = 3_000;

/** Proposers that duel over the acceptors, their requests delivered in any order, some lost, some twice. */
function duel(seed: number, alter = (ask: Ask): Ask => ask): { decisions: Outcome[]; proposals: Outcome[] } {
  const random = seededRandom(seed);
  const acceptors = ['a', 'b', 'c', 'd', 'e'].slice(0, 1 + random.below(5));
  const sites = new Map(acceptors.map((name) => [name, new MemorySite()]));
  const proposals = Array.from({ length: 1 + random.below(4) }, (): Outcome => (random.below(2) ? 'commit' : 'abort'));
  const bag: { proposer: number; ask: Ask }[] = [];
  const decisions: Outcome[] = [];
  const states: PaxosState[] = [];
  const take = (proposer: number, step: ReturnType<typeof stepPaxos>): void => {
    states[proposer] = step.state;
    bag.push(...step.asks.map((ask) => ({ proposer, ask })));
    if (step.decided !== undefined) decisions.push(step.decided);
  };
  proposals.forEach((outcome, proposer) => {
    const proposal = { id: 't', acceptors, participants: acceptors, proposer: `p${proposer}`, outcome };
    take(proposer, proposePaxos(proposal, proposer === 0));
  });
  for (let turn = 0; turn < 400 && bag.length > 0; turn++) {
    const [next] = bag.splice(random.below(bag.length), 1);
    const { proposer, ask } = next!;
    const luck = random.below(12);
    if (luck === 0) continue;
    const result = sites.get(ask.site)!.transact(alter(ask).transaction);
    if (luck <= 2) bag.push(next!);
    if (luck !== 2) take(proposer, stepPaxos(states[proposer]!, ask, result));
  }
  return { decisions, proposals };
}

describe('the register of Paxos', () => {
  it(`decides one value, which was proposed, under ${RUNS} duels`, () => {
    let decided = 0;
    const values = new Set<Outcome>();
    for (let seed = 0; seed < RUNS; seed++) {
      const { decisions, proposals } = duel(seed);
      expect(new Set(decisions).size, `seed ${seed}: ${decisions}`).toBeLessThanOrEqual(1);
      for (const one of decisions) expect(proposals, `seed ${seed}`).toContain(one);
      if (decisions.length > 0) decided++;
      for (const one of decisions) values.add(one);
    }
    expect(decided).toBeGreaterThan(RUNS / 2);
    expect(values.size).toBe(2);
  });

  it.each(['accept', 'promise'] as const)(
    'would not, were %s not conditional on the state of the acceptor',
    (purpose) => {
      const blind = (ask: Ask): Ask =>
        ask.purpose === purpose ? { ...ask, transaction: { ...ask.transaction, compare: [] } } : ask;
      let seed = 0;
      while (seed < RUNS && new Set(duel(seed, blind).decisions).size < 2) seed++;
      expect(seed, 'duels without disagreement').toBeLessThan(RUNS);
    },
  );
});
