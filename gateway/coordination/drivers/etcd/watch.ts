import type { Etcd3, IRequestStream, IWatchRequest, IWatchResponse } from 'etcd3';
import { LatticeError } from '../../../../core/errors/index.ts';
import { delay } from '../../../../core/time/index.ts';
import type { KeyRange, WatchBatch, WatchEvent } from '../../types.ts';
import { type CallerDeps, retryDelayMs } from './caller.ts';
import { faultOf } from './faults.ts';
import type { KeySpace } from './key-space.ts';

export interface WatchRequest {
  range: KeyRange;
  fromRevision?: number;
  /** Ends the watch. */
  signal: AbortSignal;
}

type WatchStream = IRequestStream<IWatchRequest> & AsyncIterable<IWatchResponse>;

/**
 * A watch on a stream of its own, opened again at the next revision whenever it breaks. The watcher of etcd3 is not used: it
 * goes on from the revision of the newest header, and a header may be ahead of the events that were sent with it.
 *
 * Nothing is queued here: the stream is read when the consumer asks, and HTTP/2 holds back etcd, which keeps the history.
 */
export async function* watchEtcd(
  client: Etcd3,
  keys: KeySpace,
  request: WatchRequest,
  deps: CallerDeps,
): AsyncGenerator<WatchBatch, void, void> {
  const { signal } = request;
  let nextRevision = request.fromRevision;
  for (let failures = 0; !signal.aborted; failures++) {
    let stream: WatchStream | undefined;
    const cancel = (): void => stream?.cancel();
    try {
      stream = (await client.watchClient.watch()) as unknown as WatchStream;
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) return;
      stream.write({
        create_request: {
          ...keys.range(request.range),
          ...(nextRevision === undefined ? {} : { start_revision: nextRevision }),
          progress_notify: true,
          prev_kv: true,
        },
      });
      for await (const response of stream) {
        throwIfCanceled(response);
        failures = 0;
        const headerRevision = Number(response.header.revision);
        if (response.created) {
          nextRevision ??= headerRevision + 1;
        } else if (response.events.length === 0) {
          // A progress notice: everything up to its revision has been sent.
          nextRevision = Math.max(nextRevision ?? 0, headerRevision + 1);
        }
        for (const batch of batchesOf(response, keys)) {
          nextRevision = batch.revision + 1;
          yield batch;
          if (signal.aborted) return;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      const fault = faultOf(error, 'watch', false);
      if (!fault.isRetrySafe) throw fault.error;
    } finally {
      signal.removeEventListener('abort', cancel);
      cancel();
    }
    await delay(deps.clock, retryDelayMs(failures, deps.random), signal);
  }
}

function throwIfCanceled(response: IWatchResponse): void {
  if (!response.canceled) return;
  if (response.compact_revision !== '0') {
    throw new LatticeError('REVISION_COMPACTED', `watch: the history begins at revision ${response.compact_revision}.`);
  }
  throw new Error(`etcd ended the watch: ${response.cancel_reason}`);
}

/** A response has whole revisions, in order, and may have several. */
function batchesOf(response: IWatchResponse, keys: KeySpace): WatchBatch[] {
  const batches = new Map<number, WatchEvent[]>();
  for (const raw of response.events) {
    const event = keys.event(raw);
    const revision = Number(raw.kv.mod_revision);
    const events = batches.get(revision);
    if (events === undefined) batches.set(revision, [event]);
    else events.push(event);
  }
  return [...batches].map(([revision, events]) => ({ revision, events }));
}
