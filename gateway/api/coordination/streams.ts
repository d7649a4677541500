import { Readable } from 'node:stream';
import { LatticeError } from '../../../core/errors/index.ts';
import { type Clock, delay } from '../../../core/time/index.ts';
import { HEARTBEAT_MS, type WatchLine } from '../../coordination/drivers/http/index.ts';
import type { Coordinator, KeyRange } from '../../coordination/index.ts';
import { describeError } from './answers.ts';

/** Values as NDJSON. What is not read is not asked for. */
export function ndjson(values: AsyncIterable<unknown>): Readable {
  return Readable.from(lines(values), { objectMode: false });
}

async function* lines(values: AsyncIterable<unknown>): AsyncGenerator<string> {
  for await (const value of values) yield `${typeof value === 'string' ? value : JSON.stringify(value)}\n`;
}

/**
 * A watch as lines, until the signal aborts. It ends with an error line, also when this gateway has no leader: it would hear of
 * nothing, and another gateway may.
 */
export async function* watchLines(
  coordinator: Coordinator,
  { range, fromRevision }: { range: KeyRange; fromRevision?: number },
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<WatchLine> {
  const ended = new AbortController();
  const any = AbortSignal.any([signal, ended.signal]);
  try {
    // What was acknowledged anywhere before is before the watch.
    const first = fromRevision ?? (await coordinator.range({ key: ' ' }, { signal: any })).revision + 1;
    const batches = coordinator.watch(range, { fromRevision: first, signal: any })[Symbol.asyncIterator]();
    yield { type: 'watching', fromRevision: first };
    let next = batches.next();
    // Somebody always hears of its failure, also while the consumer is slow.
    next.catch(() => {});
    while (!signal.aborted) {
      const tick = new AbortController();
      const late = delay(clock, HEARTBEAT_MS, AbortSignal.any([any, tick.signal])).then(() => undefined);
      const taken = await Promise.race([next, late]).finally(() => tick.abort());
      if (signal.aborted) return;
      if (taken === undefined) {
        await checkLed(coordinator);
        yield { type: 'heartbeat' };
        continue;
      }
      if (taken.done) return;
      yield { type: 'batch', ...taken.value };
      next = batches.next();
      next.catch(() => {});
    }
  } catch (error) {
    if (!signal.aborted) yield { type: 'error', ...describeError(error) };
  } finally {
    ended.abort();
  }
}

async function checkLed(coordinator: Coordinator): Promise<void> {
  const { leader } = await coordinator.status();
  if (leader === undefined) throw new LatticeError('COORDINATION_UNAVAILABLE', 'This gateway knows of no leader.');
}
