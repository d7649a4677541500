import type { Session } from './session.ts';
import { type Turn, type TurnOptions, takeTurn } from './turn.ts';

export interface HeldLock {
  /** To be sent with everything that is done under the lock; strictly greater than that of every earlier holder. */
  fencingToken: number;
  /** Aborts when the lock is held no more, by loss or by release(); its reason is a LatticeError, LOCK_LOST. */
  lost: AbortSignal;
  /** Looks at the clock. True is no permission: between the look and the deed the process may stand still. */
  isHeld(): boolean;
  /** Safe twice. */
  release(): Promise<void>;
}

/**
 * A lock that one holder has at a time, first come, first served. It excludes others only where the fencing token is
 * checked: see Fence.
 */
export class Lock {
  readonly #session: Session;
  readonly #prefix: string;
  readonly #owner: string;

  /** `owner` is what people see in the store. One session may ask for a lock more than once: each is a place of its own. */
  constructor(session: Session, name: string, { owner = '' }: { owner?: string } = {}) {
    this.#session = session;
    this.#prefix = lockPrefix(name);
    this.#owner = owner;
  }

  /** Rejects with LOCK_TIMEOUT when it took too long or was cancelled, with LEASE_NOT_FOUND when the session was lost. */
  async acquire(options: TurnOptions = {}): Promise<HeldLock> {
    return heldLock(await takeTurn(this.#session, this.#prefix, this.#owner, options));
  }
}

function heldLock(turn: Turn): HeldLock {
  const { fencingToken, lost } = turn;
  return { fencingToken, lost, isHeld: () => turn.isHeld(), release: () => turn.leave() };
}

/** The keys of those who hold or want the lock. A name may have slashes and is not mistaken for another's beginning. */
export function lockPrefix(name: string): string {
  return `locks/${encodeURIComponent(name)}/`;
}
