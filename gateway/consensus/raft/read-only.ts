import type { Message, NodeId } from './types.ts';

/** A read that waits for a majority to confirm that its leader still is one. */
export interface PendingRead {
  /** The MsgReadIndex that asked; its context tells one read from another. */
  request: Message;
  /** The commit index when it was asked: what has to be applied before it may be answered. */
  index: number;
  /** Who has confirmed. Only true is in it; the form is that of votes. */
  acks: Map<NodeId, boolean>;
}

/**
 * Reads that a leader holds until a majority has answered a heartbeat sent after them, in the order in which they came
 * (Raft thesis, section 6.4). A confirmed read confirms all before it.
 */
export class ReadOnly {
  /** In the order of insertion, which is the order of the queue. */
  readonly #pending = new Map<string, PendingRead>();
  #lastContext: Uint8Array | undefined;

  get size(): number {
    return this.#pending.size;
  }

  /** A context that waits already is left as it is. */
  add(request: Message, index: number): void {
    const key = keyOf(request.context);
    if (this.#pending.has(key)) return;
    this.#pending.set(key, { request, index, acks: new Map() });
    this.#lastContext = request.context;
  }

  /** Notes that a member has confirmed. Gives everybody who has; undefined when no such read waits. */
  receiveAck(id: NodeId, context: Uint8Array | undefined): ReadonlyMap<NodeId, boolean> | undefined {
    const read = this.#pending.get(keyOf(context));
    return read?.acks.set(id, true);
  }

  /** Takes out the read with that context and all before it. */
  advance(context: Uint8Array | undefined): PendingRead[] {
    const last = keyOf(context);
    if (!this.#pending.has(last)) return [];
    const confirmed: PendingRead[] = [];
    for (const [key, read] of this.#pending) {
      confirmed.push(read);
      this.#pending.delete(key);
      if (key === last) break;
    }
    if (this.#pending.size === 0) this.#lastContext = undefined;
    return confirmed;
  }

  /** Context of the newest read that waits: a heartbeat that carries it confirms all. */
  lastContext(): Uint8Array | undefined {
    return this.#lastContext;
  }

  clear(): void {
    this.#pending.clear();
    this.#lastContext = undefined;
  }
}

/** Equal bytes, equal key. */
function keyOf(context: Uint8Array | undefined): string {
  if (context === undefined) return '';
  return Buffer.from(context.buffer, context.byteOffset, context.byteLength).toString('latin1');
}
