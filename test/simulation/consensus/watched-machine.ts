import type { Applied } from '../../../gateway/consensus/replica/index.ts';
import { GroupMachine } from '../../../gateway/coordination/drivers/raft/index.ts';

/** The production machine, watched as it applies. */
export class WatchedMachine extends GroupMachine {
  readonly #onApply: (index: number, hash: number, applied: Applied) => void;

  constructor(client: string, onApply: (index: number, hash: number, applied: Applied) => void) {
    super({ client });
    this.#onApply = onApply;
  }

  override apply(command: Uint8Array, index: number): Applied {
    const applied = super.apply(command, index);
    this.#onApply(index, this.state.outcomeHash, applied);
    return applied;
  }
}
