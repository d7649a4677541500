import type { NodeId } from '../raft/index.ts';

/** Ticks between two members that stand after a leader's death: time enough for votes on a LAN. */
const TURN_TICKS = 2;

/** Who stands when, after the process of a leader has ended: the voters in the order of their ids, this one at its turn. */
export class Succession {
  readonly #id: NodeId;
  #standAtTick = Number.POSITIVE_INFINITY;

  constructor(id: NodeId) {
    this.#id = id;
  }

  leaderDied(leader: NodeId, voters: readonly NodeId[], tick: number): void {
    const turn = voters.filter((voter) => voter !== leader && voter < this.#id).length;
    // The others need to hear of the death as well before they vote.
    if (voters.includes(this.#id)) this.#standAtTick = tick + 1 + turn * TURN_TICKS;
  }

  /** There is a leader again. */
  settled(): void {
    this.#standAtTick = Number.POSITIVE_INFINITY;
  }

  /** Whether it is this member's turn; once. */
  isDue(tick: number): boolean {
    if (tick < this.#standAtTick) return false;
    this.#standAtTick = Number.POSITIVE_INFINITY;
    return true;
  }
}
