import { isGreater } from './claim.ts';

/** Client ids whose greatest claim is remembered; the longest unclaimed is forgotten first. */
const SEEN_MAX = 65_536;

/** The latest claim of each client id that was heard of, wherever it was made. */
export class SeenClaims {
  readonly #seen = new Map<string, { stampMs: number; broker: string }>();

  /** Whether no claim greater than this one is known. */
  isCurrent(clientId: string, stampMs: number, broker: string): boolean {
    const seen = this.#seen.get(clientId);
    return seen === undefined || !isGreater(seen.stampMs, seen.broker, stampMs, broker);
  }

  /** Forgets claims of a time that was not. */
  forgetAbove(aboveMs: number): void {
    for (const [clientId, { stampMs }] of this.#seen) if (stampMs > aboveMs) this.#seen.delete(clientId);
  }

  note(clientId: string, stampMs: number, broker: string): void {
    this.#seen.delete(clientId);
    this.#seen.set(clientId, { stampMs, broker });
    if (this.#seen.size <= SEEN_MAX) return;
    const [oldest] = this.#seen.keys();
    if (oldest !== undefined) this.#seen.delete(oldest);
  }
}
