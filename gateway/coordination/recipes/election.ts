import { codeOf, LatticeError } from '../../../core/errors/index.ts';
import type { CallOptions, Coordinator, KeyValue, WatchEvent } from '../types.ts';
import { isPassing, type RecipeDeps, retrying } from './retry.ts';
import type { Session } from './session.ts';
import { type Turn, type TurnOptions, takeTurn } from './turn.ts';

/** Who leads, as seen by anybody. */
export interface Leader {
  /** What it campaigned with, or has proclaimed since. */
  value: string;
  fencingToken: number;
}

export interface Leadership {
  /** To be sent with everything that the leader does; strictly greater than that of every earlier leader. */
  fencingToken: number;
  /** Aborts when it leads no more, by loss or by resign(); its reason is a LatticeError, LOCK_LOST. */
  lost: AbortSignal;
  /** Looks at the clock. True is no permission: between the look and the deed the process may stand still. */
  isHeld(): boolean;
  /** Changes the value that others see. Rejects with FENCED when somebody else leads by now. */
  proclaim(value: string, options?: CallOptions): Promise<void>;
  /** Safe twice. */
  resign(): Promise<void>;
}

/** One leader at a time, the next in the order in which they came. */
export class Election {
  readonly #prefix: string;

  constructor(name: string) {
    this.#prefix = `elections/${encodeURIComponent(name)}/`;
  }

  /** Waits until it leads. Rejects with LOCK_TIMEOUT when it took too long or was cancelled, with LEASE_NOT_FOUND when the session was lost. */
  async campaign(session: Session, value: string, options: TurnOptions = {}): Promise<Leadership> {
    return leadership(session, await takeTurn(session, this.#prefix, value, options));
  }

  /** Who leads now; undefined when nobody does. */
  async leader(coordinator: Coordinator, options: CallOptions = {}): Promise<Leader | undefined> {
    return oldest((await coordinator.range({ prefix: this.#prefix }, options)).keyValues);
  }

  /** Who leads, and then each change of it; undefined while nobody does. Ends when the signal aborts. */
  async *observe(
    coordinator: Coordinator,
    deps: RecipeDeps,
    signal: AbortSignal,
  ): AsyncGenerator<Leader | undefined, void, void> {
    const range = { prefix: this.#prefix };
    let seen: Leader | 'nothing yet' | undefined = 'nothing yet';
    while (!signal.aborted) {
      try {
        const { keyValues, revision } = await retrying(deps, signal, () => coordinator.range(range, { signal }));
        const places = new Map(keyValues.map((one) => [one.key, one]));
        let leader = oldest(places.values());
        if (!isSame(leader, seen)) yield leader;
        seen = leader;
        for await (const { events } of coordinator.watch(range, { fromRevision: revision + 1, signal })) {
          for (const event of events) follow(places, event);
          leader = oldest(places.values());
          if (!isSame(leader, seen)) yield leader;
          seen = leader;
        }
      } catch (error) {
        if (signal.aborted) return;
        // Compacted while the watch was away: who leads now is read above.
        if (codeOf(error) !== 'REVISION_COMPACTED' && !isPassing(error)) throw error;
      }
    }
  }
}

function leadership(session: Session, turn: Turn): Leadership {
  const { key, fencingToken, lost } = turn;
  return {
    fencingToken,
    lost,
    isHeld: () => turn.isHeld(),
    async proclaim(value, options = {}) {
      const { succeeded } = await session.coordinator.transaction(
        {
          compare: [{ key, target: 'createRevision', op: '=', value: fencingToken }],
          success: [{ op: 'put', key, value, leaseId: session.leaseId }],
          failure: [],
        },
        options,
      );
      if (!succeeded) throw new LatticeError('FENCED', `The leadership of ${key} has ended.`);
    },
    resign: () => turn.leave(),
  };
}

function follow(places: Map<string, KeyValue>, event: WatchEvent): void {
  if (event.type === 'put') places.set(event.keyValue.key, event.keyValue);
  else places.delete(event.key);
}

function oldest(places: Iterable<KeyValue>): Leader | undefined {
  let first: KeyValue | undefined;
  for (const place of places) {
    if (first === undefined || place.createRevision < first.createRevision) first = place;
  }
  return first && { value: first.value, fencingToken: first.createRevision };
}

function isSame(leader: Leader | undefined, seen: Leader | 'nothing yet' | undefined): boolean {
  if (leader === undefined || seen === undefined || seen === 'nothing yet') return leader === seen;
  return leader.fencingToken === seen.fencingToken && leader.value === seen.value;
}
