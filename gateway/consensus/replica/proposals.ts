import type { ErrorCode } from '../../../core/errors/index.ts';

interface Pending {
  deadlineMs: number;
  /** Hands it to Raft; false when Raft does not take it now. */
  propose: () => boolean;
  /** Whether Raft has taken it at least once, so that it may take effect. */
  isProposed: boolean;
  proposedAtTick: number;
}

/**
 * Requests that wait for their entry to be applied here. Raft may lose a proposal (no leader, a lost message, another leader), so
 * it is proposed again, after a while and when there is another leader; the state machine carries an id out once.
 */
export class Proposals {
  readonly #pending = new Map<string, Pending>();
  readonly #retryTicks: number;

  constructor(retryTicks: number) {
    this.#retryTicks = retryTicks;
  }

  get size(): number {
    return this.#pending.size;
  }

  add(id: string, deadlineMs: number, tick: number, propose: () => boolean): void {
    this.#pending.set(id, { deadlineMs, propose, isProposed: propose(), proposedAtTick: tick });
  }

  /** Whether somebody waits for that id; no longer after this. */
  settle(id: string): boolean {
    return this.#pending.delete(id);
  }

  /** Proposes again what was proposed long ago, or everything. */
  retry(tick: number, isAll: boolean): void {
    for (const pending of this.#pending.values()) {
      if (!isAll && pending.isProposed && tick - pending.proposedAtTick < this.#retryTicks) continue;
      if (!pending.propose()) continue;
      pending.isProposed = true;
      pending.proposedAtTick = tick;
    }
  }

  expire(nowMs: number, refuse: (id: string, code: ErrorCode, reason: string) => void): void {
    for (const [id, { deadlineMs, isProposed }] of this.#pending) {
      if (nowMs < deadlineMs) continue;
      this.#pending.delete(id);
      if (isProposed) refuse(id, 'COORDINATION_TIMEOUT', 'It was proposed, and no majority has confirmed it in time.');
      else refuse(id, 'COORDINATION_UNAVAILABLE', 'There was no leader that could be reached in time.');
    }
  }
}
