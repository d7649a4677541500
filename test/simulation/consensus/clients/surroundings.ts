import type { Random } from '../../../../core/random/index.ts';
import type { History } from '../history.ts';
import type { LockWatch } from '../lock-watch.ts';
import type { Observer } from '../observer.ts';

/** What the clients of a simulated group share. */
export interface ClientSurroundings {
  observer: Observer;
  history: History;
  locks: LockWatch;
  /** Processes of members, the present and the possible ones. */
  processes: readonly number[];
  /** Keys of the store that clients contend for. */
  keys: number;
  hasLeaseReads: boolean;
  /** True time, for the record. */
  nowMs: () => number;
  /** Whether messages have been doubled. */
  isDoubled: () => boolean;
  /** No new operation is begun once it is over. */
  isOver: () => boolean;
  /** The resource that the lock protects. */
  resource: number;
}

/** A process to ask: mostly a member, sometimes one that may have left or not come yet. */
export function pickMember({ observer, processes }: ClientSurroundings, random: Random): number {
  const { members } = observer;
  if (members.length === 0 || random.next() < 0.1) return processes[random.below(processes.length)] as number;
  return Number(members[random.below(members.length)]?.name.slice(2));
}
