import type { Random } from '../../../../core/random/index.ts';
import type { Member, MemberChange } from '../../../../gateway/consensus/replica/index.ts';
import type { Boot } from '../../world/index.ts';
import { type Ask, addressOf, nameOf, type Stored, type Wire } from '../types.ts';
import { type ClientSurroundings, pickMember } from './surroundings.ts';

const VOTERS_MIN = 3;
const MEMBERS_MAX = 7;
const CHANGE_MS = 1_000;

/** Takes members in, promotes and removes them, and has the lead handed over, now and then. */
export function adminProgram(
  surroundings: ClientSurroundings,
  { spares, everyMs }: { spares: readonly number[]; everyMs: number },
): Boot<Wire, Stored> {
  return (machine) => {
    const { random } = machine;
    const used = new Set<string>();
    const arm = () => machine.setTimer(everyMs * (0.5 + random.next()), 0);
    let calls = 0;
    arm();
    return {
      onEvent(event) {
        if (event.type !== 'timer' || surroundings.isOver()) return;
        arm();
        const { members } = surroundings.observer;
        for (const { name } of members) used.add(name);
        const ask = nextAsk(
          members,
          spares.map(nameOf).filter((name) => !used.has(name)),
          random,
        );
        if (ask === undefined) return;
        machine.trace(() => `asks: ${JSON.stringify(ask)}`);
        calls += 1;
        machine.send(pickMember(surroundings, random), { kind: 'ask', call: calls, ask });
      },
    };
  };
}

function nextAsk(members: readonly Member[], spares: readonly string[], random: Random): Ask | undefined {
  const one = <T>(list: readonly T[]): T | undefined => list[random.below(list.length)];
  const voters = members.filter(({ role }) => role === 'voter').map(({ name }) => name);
  const learner = one(members.filter(({ role }) => role === 'learner'))?.name;
  const voter = one(voters);
  const spare = members.length < MEMBERS_MAX ? one(spares) : undefined;
  const roll = random.next();
  if (roll < 0.3 && voter !== undefined) return { op: 'transfer', to: voter };
  if (roll < 0.5 && learner !== undefined) return change(add(learner, 'voter'));
  if (roll < 0.65 && spare !== undefined) return change(add(spare, 'learner'));
  if (roll < 0.72 && spare !== undefined) return change(add(spare, 'voter'));
  if (roll < 0.85 && spare !== undefined && voter !== undefined) {
    return change(add(spare, 'voter'), { change: 'remove', name: voter });
  }
  if (voters.length > VOTERS_MIN && voter !== undefined) return change({ change: 'remove', name: voter });
  return undefined;
}

const add = (name: string, role: Member['role']): MemberChange => ({
  change: 'add',
  name,
  address: addressOf(name),
  role,
});

function change(...changes: MemberChange[]): Ask {
  return { op: 'members', changes, timeoutMs: CHANGE_MS };
}
