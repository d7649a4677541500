import type { MemberChange } from '../../../../gateway/consensus/replica/index.ts';
import type { Boot } from '../../world/index.ts';
import type { Stored, Wire } from '../types.ts';
import { Caller } from './caller.ts';
import { type ClientSurroundings, pickMember } from './surroundings.ts';

/** A change of the members that is asked for at that time, until it is made. */
export interface PlannedChange {
  atMs: number;
  changes: MemberChange[];
}

const ATTEMPT_MS = 400;
const CHANGE_MS = 3_000;

/** Changes the members as planned. */
export function scriptProgram(surroundings: ClientSurroundings, script: readonly PlannedChange[]): Boot<Wire, Stored> {
  return (machine) => {
    const caller = new Caller(machine, () => pickMember(surroundings, machine.random), surroundings.isDoubled);
    for (const [nth, { atMs }] of script.entries()) machine.setTimer(atMs, nth);
    return {
      onEvent(event) {
        if (caller.onEvent(event) || event.type !== 'timer') return;
        const { changes } = script[event.timer] as PlannedChange;
        machine.trace(() => `asks: ${JSON.stringify(changes)}`);
        caller.call({ op: 'members', changes, timeoutMs: CHANGE_MS }, ATTEMPT_MS, CHANGE_MS, () => {});
      },
    };
  };
}
