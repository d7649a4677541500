import { LatticeError } from '../../../../core/errors/index.ts';

/**
 * The appends on their way to one follower, oldest first. A leader that finds it full sends no more entries until one is
 * acknowledged, which bounds what a slow follower makes it hold. After etcd-io/raft, tracker/inflights.go.
 */
export class Inflights {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  readonly #sent: { lastIndex: number; bytes: number }[] = [];
  #bytes = 0;

  /** bytesMax 0 is no limit. The message that goes beyond bytesMax is the last one that fits. */
  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#sent.length;
  }

  get isFull(): boolean {
    return this.#sent.length >= this.#messagesMax || (this.#bytesMax > 0 && this.#bytes >= this.#bytesMax);
  }

  /** A message was sent whose last entry has that index; indexes only rise. Throws INTERNAL when full. */
  add(lastIndex: number, bytes: number): void {
    if (this.isFull) throw new LatticeError('INTERNAL', `append to index ${lastIndex} sent beyond the window`);
    this.#sent.push({ lastIndex, bytes });
    this.#bytes += bytes;
  }

  /** The follower has the log up to that index: every message that ends there or below has arrived. */
  freeUpTo(index: number): void {
    let freed = 0;
    for (const message of this.#sent) {
      if (message.lastIndex > index) break;
      this.#bytes -= message.bytes;
      freed++;
    }
    if (freed > 0) this.#sent.splice(0, freed);
  }

  reset(): void {
    this.#sent.length = 0;
    this.#bytes = 0;
  }
}
