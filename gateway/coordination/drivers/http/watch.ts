import { LatticeError } from '../../../../core/errors/index.ts';
import { delay } from '../../../../core/time/index.ts';
import type { KeyRange, WatchBatch } from '../../types.ts';
import { type GatewaysCaller, retryDelayMs } from './caller.ts';
import { errorOf } from './faults.ts';
import { HEARTBEAT_MS, rangeQuery, type WatchLine, watchLineSchema } from './wire.ts';

/** A gateway that has said nothing for so long is left for the next. */
const SILENCE_MS = 3 * HEARTBEAT_MS;

/**
 * A watch on one gateway, and on the next at the next revision whenever it breaks. Nothing is queued here: the answer is read when
 * the consumer asks, and TCP holds back the gateway, which keeps the history.
 */
export async function* watchHttp(
  caller: GatewaysCaller,
  range: KeyRange,
  { fromRevision, signal }: { fromRevision?: number; signal: AbortSignal },
): AsyncGenerator<WatchBatch, void, void> {
  const { clock, random } = caller.deps;
  let nextRevision = fromRevision;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const query = { ...rangeQuery(range), fromRevision: nextRevision };
      for await (const line of watchLines(caller, query, signal)) {
        failures = 0;
        switch (line.type) {
          case 'watching':
            nextRevision ??= line.fromRevision;
            break;
          case 'batch':
            nextRevision = line.revision + 1;
            yield { revision: line.revision, events: line.events };
            if (signal.aborted) return;
            break;
          case 'error':
            throw errorOf(line) ?? new LatticeError('COORDINATION_UNAVAILABLE', `The watch ended: ${line.code}.`);
          case 'heartbeat':
            break;
        }
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!mayPass(error)) throw error;
      caller.leave();
    }
    await delay(clock, retryDelayMs(failures, random), signal);
  }
}

/** Every code but these two speaks of the request itself. What is no error of ours came from the connection. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof LatticeError)) return true;
  return error.code === 'COORDINATION_UNAVAILABLE' || error.code === 'COORDINATION_TIMEOUT';
}

async function* watchLines(
  caller: GatewaysCaller,
  query: Record<string, string | number | undefined>,
  signal: AbortSignal,
): AsyncGenerator<WatchLine, void, void> {
  const { clock } = caller.deps;
  const silent = new AbortController();
  const arm = () => clock.setTimer(SILENCE_MS, () => silent.abort());
  let timer = arm();
  try {
    const { body } = await caller.open('watch', query, AbortSignal.any([signal, silent.signal]));
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of body ?? []) {
      // While the consumer works on a line nobody listens, so nobody is silent.
      timer.cancel();
      rest += decoder.decode(chunk, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() as string;
      for (const line of lines) yield watchLineSchema.parse(JSON.parse(line));
      timer = arm();
    }
  } finally {
    timer.cancel();
    silent.abort();
  }
}
