import type { Boot } from '../../world/index.ts';
import type { LockWatch } from '../lock-watch.ts';
import type { Stored, Wire } from '../types.ts';

/** Whether the resource lets a deed with that token happen, when it has seen one as high as that. */
export type Admission = (token: number, highest: number) => boolean;

export const fencing: Admission = (token, highest) => token >= highest;

/** What the lock protects: it admits deeds by their fencing token. It never fails, as the tokens it has seen are on its disk. */
export function resourceProgram(locks: LockWatch, admits: Admission): Boot<Wire, Stored> {
  let highest = 0;
  return (machine) => ({
    onEvent(event) {
      if (event.type !== 'message' || event.message.kind !== 'deed') return;
      const { token, call } = event.message;
      const isAdmitted = admits(token, highest);
      highest = Math.max(highest, token);
      machine.trace(() => `${isAdmitted ? 'admits' : 'refuses'} token ${token} of ${event.from}`);
      if (isAdmitted) locks.admits(token);
      else locks.refuses();
      machine.send(event.from, { kind: 'deedDone', call, isAdmitted });
    },
  });
}
