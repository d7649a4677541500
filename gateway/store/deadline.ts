import { LatticeError } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';

/**
 * Ends an operation at the latest after timeoutMs, or when one of the signals aborts: `cancel` is called, and the result
 * rejects with STORE_UNREACHABLE whether the operation notices or not.
 */
export async function withDeadline<T>(
  operation: Promise<T>,
  options: { clock: Clock; timeoutMs: number; signals: readonly AbortSignal[]; cancel: () => void },
): Promise<T> {
  const { clock, timeoutMs, signals, cancel } = options;
  let stop: (reason: string) => void = () => {};
  const stopped = new Promise<never>((_resolve, reject) => {
    stop = (reason) => {
      cancel();
      reject(new LatticeError('STORE_UNREACHABLE', reason));
    };
  });
  const onAbort = (): void => stop('The request was cancelled.');
  const timer = clock.setTimer(timeoutMs, () => stop(`No answer within ${timeoutMs} ms.`));
  for (const signal of signals) {
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  }
  // The operation may fail after it was given up, and nobody is left to hear of it.
  operation.catch(() => {});
  try {
    return await Promise.race([operation, stopped]);
  } finally {
    timer.cancel();
    for (const signal of signals) signal.removeEventListener('abort', onAbort);
  }
}
