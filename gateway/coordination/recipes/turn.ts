import { codeOf, LatticeError } from '../../../core/errors/index.ts';
import type { Coordinator, KeyValue } from '../types.ts';
import { isPassing, retrying } from './retry.ts';
import type { Session } from './session.ts';

/*
 * The queue that locks and elections are made of (ZooKeeper's recipe, etcd's concurrency package). Who wants a turn puts a key
 * of its session under a common prefix; the oldest by create revision has the turn, and each of the others waits for the one
 * before it alone, so that the end of a turn wakes one and not all. The create revision is the fencing token: it is given
 * once, and rises from turn to turn.
 */

export interface TurnOptions {
  /** How long to wait for the turn, ms; then LOCK_TIMEOUT. Default: as long as it takes. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

export interface Turn {
  key: string;
  /** Rises strictly from turn to turn of one lock or election. */
  fencingToken: number;
  /** Aborts when the turn has ended, by loss or by leave(); its reason is a LatticeError, LOCK_LOST. */
  lost: AbortSignal;
  /** Looks at the clock, and so is right when the process was stopped and no timer has fired yet. */
  isHeld(): boolean;
  /** Safe twice. Resolves when the next one can have the turn. */
  leave(): Promise<void>;
}

/**
 * Waits for the turn under the prefix. Rejects with LOCK_TIMEOUT when it took too long or the signal aborted, LEASE_NOT_FOUND
 * when the session was lost: then no place is left behind.
 */
export async function takeTurn(
  session: Session,
  prefix: string,
  value: string,
  { timeoutMs, signal }: TurnOptions = {},
): Promise<Turn> {
  const { clock } = session.deps;
  const givenUp = new AbortController();
  const timer = timeoutMs === undefined ? undefined : clock.setTimer(timeoutMs, () => givenUp.abort());
  const ended = AbortSignal.any([givenUp.signal, session.lost, ...(signal === undefined ? [] : [signal])]);
  const key = prefix + session.nextPlace();
  let isInDoubt = true;
  try {
    const createRevision = await join(session, key, value, ended);
    isInDoubt = false;
    await waitForTurn(session, prefix, { key, createRevision }, ended);
    if (session.isLost) throw session.lost.reason;
    return holdTurn(session, { key, createRevision });
  } catch (error) {
    // Not waited for: the caller has given up, and the store may be away.
    void (isInDoubt ? withdraw(session, key) : session.discard(key)).catch(() => {});
    if (session.isLost) throw session.lost.reason;
    if (!ended.aborted) throw error;
    const detail = signal?.aborted ? 'was cancelled' : `did not come within ${timeoutMs} ms`;
    throw new LatticeError('LOCK_TIMEOUT', `The turn under ${prefix} ${detail}.`, { cause: error });
  } finally {
    timer?.cancel();
  }
}

/** Puts the key, once, however often it has to be asked for. Resolves with its create revision. */
async function join(session: Session, key: string, value: string, signal: AbortSignal): Promise<number> {
  return retrying(session.deps, signal, async () => {
    const { succeeded, revision, results } = await session.coordinator.transaction(
      {
        compare: [
          { key, target: 'createRevision', op: '=', value: 0 },
          { key: withdrawnKey(key), target: 'createRevision', op: '=', value: 0 },
        ],
        success: [{ op: 'put', key, value, leaseId: session.leaseId }],
        failure: [{ op: 'get', range: { key } }],
      },
      { signal },
    );
    if (succeeded) return revision;
    const [found] = results;
    if (found?.op !== 'get' || found.keyValues[0] === undefined) throw placeGone(key);
    return found.keyValues[0].createRevision;
  });
}

/** Takes back a join whose outcome is not known: when it arrives late, it finds the mark and puts nothing. */
async function withdraw(session: Session, key: string): Promise<void> {
  await session.untilLost(() =>
    session.coordinator.transaction(
      {
        compare: [],
        success: [
          { op: 'put', key: withdrawnKey(key), value: '', leaseId: session.leaseId },
          { op: 'delete', range: { key } },
        ],
        failure: [],
      },
      { signal: session.lost },
    ),
  );
}

function withdrawnKey(key: string): string {
  return `withdrawn/${key}`;
}

type Place = Pick<KeyValue, 'key' | 'createRevision'>;

async function waitForTurn(session: Session, prefix: string, place: Place, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { keyValues } = await retrying(session.deps, signal, () => session.coordinator.range({ prefix }, { signal }));
    const predecessor = predecessorOf(place, keyValues);
    if (predecessor === undefined) return;
    await whenGone(session, predecessor, signal);
    signal.throwIfAborted();
  }
}

/** Throws LEASE_NOT_FOUND when the place itself is gone. */
function predecessorOf(place: Place, keyValues: readonly KeyValue[]): KeyValue | undefined {
  if (!keyValues.some((one) => isSameLife(one, place))) throw placeGone(place.key);
  let predecessor: KeyValue | undefined;
  for (const one of keyValues) {
    if (one.createRevision >= place.createRevision) continue;
    if (predecessor === undefined || one.createRevision > predecessor.createRevision) predecessor = one;
  }
  return predecessor;
}

function holdTurn(session: Session, place: Place): Turn {
  const ended = new AbortController();
  const lose = (why: string, cause?: unknown): void =>
    ended.abort(new LatticeError('LOCK_LOST', `The turn of ${place.key} ${why}.`, { cause }));
  const loseSession = (): void => lose('has ended with its session', session.lost.reason);
  session.lost.addEventListener('abort', loseSession, { once: true, signal: ended.signal });
  // Somebody may delete the key, to end the turn of a holder that hangs.
  whenGone(session, place, ended.signal).then(
    () => lose('was ended: its key is gone'),
    (error) => lose('cannot be watched', error),
  );
  return {
    key: place.key,
    fencingToken: place.createRevision,
    lost: ended.signal,
    isHeld: () => !ended.signal.aborted && !session.isLost,
    async leave() {
      lose('was left');
      await session.discard(place.key);
    },
  };
}

/** Resolves when this life of the key has ended, or the signal has aborted. */
async function whenGone(session: Session, place: Place, signal: AbortSignal): Promise<void> {
  const range = { key: place.key };
  while (!signal.aborted) {
    try {
      const { keyValues, revision } = await retrying(session.deps, signal, () =>
        session.coordinator.range(range, { signal }),
      );
      if (!keyValues.some((one) => isSameLife(one, place))) return;
      if (await sawDelete(session.coordinator, range, revision + 1, signal)) return;
    } catch (error) {
      if (signal.aborted) return;
      // Compacted while the watch was away: what has become of the key is read above.
      if (codeOf(error) !== 'REVISION_COMPACTED' && !isPassing(error)) throw error;
    }
  }
}

async function sawDelete(
  coordinator: Coordinator,
  range: { key: string },
  fromRevision: number,
  signal: AbortSignal,
): Promise<boolean> {
  for await (const { events } of coordinator.watch(range, { fromRevision, signal })) {
    if (events.some(({ type }) => type === 'delete')) return true;
  }
  return false;
}

function isSameLife(one: Place, other: Place): boolean {
  return one.key === other.key && one.createRevision === other.createRevision;
}

function placeGone(key: string): LatticeError {
  return new LatticeError('LEASE_NOT_FOUND', `The place ${key} in the queue is gone.`);
}
