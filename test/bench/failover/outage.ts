import type { KvClient } from './client.ts';

/** A client tries each survivor so often, whatever has become of the attempts before. */
const ATTEMPT_EVERY_MS = 5;
/** Of one survivor; beyond it the oldest is given up. */
const ATTEMPTS_MAX = 64;
const OUTAGE_MS_MAX = 60_000;

/**
 * Milliseconds from now to the first write that is acknowledged by one of the ports, by a client that keeps trying all of them. An
 * attempt may hang at a member that still waits for the dead leader, so a new one does not wait for those before it. Throws after a minute.
 */
export async function firstWriteMs(client: KvClient, ports: readonly number[]): Promise<number> {
  const startMs = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const underWay = new Map<number, AbortController[]>(ports.map((port) => [port, []]));
  const attempt = (port: number): void => {
    const giveUp = new AbortController();
    const attempts = underWay.get(port) as AbortController[];
    attempts.push(giveUp);
    if (attempts.length > ATTEMPTS_MAX) attempts.shift()?.abort();
    client.put(port, 'outage', String(startMs), giveUp.signal).then(
      () => resolve(performance.now() - startMs),
      () => attempts.includes(giveUp) && attempts.splice(attempts.indexOf(giveUp), 1),
    );
  };
  const attemptAll = (): void => {
    for (const port of ports) attempt(port);
    if (performance.now() - startMs > OUTAGE_MS_MAX) reject(new Error('Nothing could be written for a minute.'));
  };
  const timer = setInterval(attemptAll, ATTEMPT_EVERY_MS);
  attemptAll();
  try {
    return await promise;
  } finally {
    clearInterval(timer);
    for (const attempts of underWay.values()) for (const giveUp of attempts.splice(0)) giveUp.abort();
  }
}
