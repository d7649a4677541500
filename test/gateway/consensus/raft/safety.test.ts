import fc from 'fast-check';
import { expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import type { Entry, Message, NodeId } from '../../../../gateway/consensus/raft/index.ts';
import { RaftError } from '../../../../gateway/consensus/raft/index.ts';
import { Member, type MemberOptions } from './member.ts';

const IDS = [1, 2, 3];
const STEPS = 400;

/**
 * A group under a network that loses, repeats and reorders, and members that lose what is not on disk. After every step
 * the rules of figure 3 of the Raft paper are looked at.
 */
function run(seed: number, options: MemberOptions): number {
  const random = seededRandom(seed);
  const start = (id: NodeId, life: number, storage?: Member['storage']): Member =>
    new Member(id, {
      ...options,
      voters: IDS,
      random: seededRandom(`${seed}/${id}/${life}`),
      electionTick: 5,
      maxInflightMsgs: 4,
      ...(storage && { storage }),
    });
  const members = IDS.map((id) => start(id, 0));
  const onTheirWay: Message[] = [];
  const leaderOf = new Map<number, NodeId>();
  const committed = new Map<number, Entry>();

  for (let at = 0; at < STEPS; at++) {
    const member = members[random.below(IDS.length)]!;
    const choice = random.next();
    if (choice < 0.3) onTheirWay.push(...member.tick());
    else if (choice < 0.4) onTheirWay.push(...tolerate(() => member.propose(`${at}`)));
    else if (choice < 0.42) members[member.id - 1] = start(member.id, at, member.storage);
    else if (onTheirWay.length > 0) {
      const place = random.below(onTheirWay.length);
      const [next] = random.next() < 0.1 ? [onTheirWay[place]!] : onTheirWay.splice(place, 1);
      if (random.next() > 0.1) onTheirWay.push(...tolerate(() => members[next!.to - 1]!.receive(next!)));
    }
    for (const each of members) {
      if (each.role === 'StateLeader') {
        expect(leaderOf.get(each.term) ?? each.id, `two leaders at term ${each.term}`).toBe(each.id);
        leaderOf.set(each.term, each.id);
      }
      for (const entry of each.applied.splice(0)) {
        const known = committed.get(entry.index);
        expect(known?.term ?? entry.term, `two entries applied at ${entry.index}`).toBe(entry.term);
        expect(known?.data ?? entry.data).toEqual(entry.data);
        committed.set(entry.index, entry);
      }
    }
  }
  return committed.size;
}

function tolerate(act: () => Message[]): Message[] {
  try {
    return act();
  } catch (error) {
    if (error instanceof RaftError && error.fault === 'proposalDropped') return [];
    throw error;
  }
}

it.each<[string, MemberOptions]>([
  ['plain', {}],
  ['with PreVote and CheckQuorum', { preVote: true, checkQuorum: true }],
])('%s: one leader per term, and one entry per index, whatever the network does', (_, options) => {
  let committed = 0;
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      committed += run(seed, options);
    }),
    { numRuns: 150 },
  );
  // A group that does nothing is safe, too.
  expect(committed).toBeGreaterThan(150);
});
