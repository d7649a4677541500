import { fnv1a } from '../../core/wire/index.ts';

/**
 * The broker with the highest score for a key (Thaler & Ravishankar 1998): the keys spread evenly over the brokers, and when
 * one goes only its own keys move. Undefined for no brokers.
 */
export function rendezvous(key: string, brokers: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestScore = -1;
  for (const broker of brokers) {
    const score = fnv1a(`${broker}\0${key}`);
    if (score < bestScore || (score === bestScore && broker < (best as string))) continue;
    best = broker;
    bestScore = score;
  }
  return best;
}
