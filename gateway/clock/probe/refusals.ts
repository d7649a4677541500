import type { GatewayIdentity } from '../../transport/index.ts';
import { REFUSAL_REASONS, type Refusal, type RefusalReason } from './types.ts';

/** What was refused: counts by reason, and the last of each kind for people to read. */
export class Refusals {
  readonly #keptMax: number;
  readonly #counts = noRefusals();
  /** By reason, address and claim, the last one at the end: a flood of one kind pushes no other out. */
  readonly #last = new Map<string, Refusal>();

  constructor(keptMax: number) {
    this.#keptMax = keptMax;
  }

  add(refused: {
    reason: RefusalReason;
    detail: string;
    address: string;
    sender: GatewayIdentity | undefined;
    atMs: number;
  }): void {
    const { reason, detail, address, sender, atMs } = refused;
    this.#counts[reason] += 1;
    const claims = sender === undefined ? undefined : `${sender.site}/${sender.name}`;
    const key = `${reason} ${address} ${claims}`;
    const count = (this.#last.get(key)?.count ?? 0) + 1;
    this.#last.delete(key);
    this.#last.set(key, { reason, detail, address, claims, count, lastMs: atMs });
    const [oldest] = this.#last.keys();
    if (this.#last.size > this.#keptMax && oldest !== undefined) this.#last.delete(oldest);
  }

  counts(): Record<RefusalReason, number> {
    return { ...this.#counts };
  }

  /** The newest first. */
  last(): Refusal[] {
    return [...this.#last.values()].reverse();
  }
}

export function noRefusals(): Record<RefusalReason, number> {
  return Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<RefusalReason, number>;
}
