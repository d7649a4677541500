import type { ErrorCode } from '../../../core/errors/index.ts';
import type { ReadState } from '../raft/index.ts';

export interface Read {
  id: string;
  query: unknown;
  deadlineMs: number;
}

interface Round {
  number: number;
  reads: Read[];
  startedMs: number;
  askedAtTick: number;
}

/**
 * Linearizable reads by ReadIndex (Ongaro 2014, section 6.4): the leader confirms by a round of heartbeats that it still leads,
 * and the read is answered once everything committed before is applied here. Reads that come while a round is under way share
 * the next one.
 */
export class Reads {
  readonly #owner: number;
  readonly #ask: (context: Uint8Array) => void;
  readonly #retryTicks: number;
  #nextRound = 1;
  #waiting: Read[] = [];
  #asked: Round | undefined;
  /** Confirmed, and waiting for their index to be applied. */
  #confirmed: { index: number; reads: Read[] }[] = [];
  #confirmedSinceMs = Number.NEGATIVE_INFINITY;

  constructor(owner: number, retryTicks: number, ask: (context: Uint8Array) => void) {
    this.#owner = owner;
    this.#retryTicks = retryTicks;
    this.#ask = ask;
  }

  get size(): number {
    return (
      this.#waiting.length +
      (this.#asked?.reads.length ?? 0) +
      this.#confirmed.reduce((n, it) => n + it.reads.length, 0)
    );
  }

  /** When the last round that was confirmed had begun: since then at the least a majority had followed the leader, in ms. */
  get confirmedSinceMs(): number {
    return this.#confirmedSinceMs;
  }

  /** Another leader, or another term: what was confirmed before says nothing of it. */
  forgetLease(): void {
    this.#confirmedSinceMs = Number.NEGATIVE_INFINITY;
  }

  add(read: Read, tick: number, nowMs: number): void {
    this.#waiting.push(read);
    if (this.#asked === undefined) this.#begin(tick, nowMs);
  }

  /** One that needs no round: the leader knows that it leads, and that so much is committed. */
  addConfirmed(read: Read, index: number): void {
    this.#confirmed.push({ index, reads: [read] });
  }

  /** A round for its own sake, to learn that the leader is followed. */
  probe(tick: number, nowMs: number): void {
    if (this.#asked === undefined) this.#begin(tick, nowMs);
  }

  /** Asks again when the question or the answer was lost. */
  retry(tick: number, nowMs: number, isNow: boolean): void {
    const asked = this.#asked;
    if (asked === undefined || (!isNow && tick - asked.askedAtTick < this.#retryTicks)) return;
    this.#waiting = [...asked.reads, ...this.#waiting];
    this.#asked = undefined;
    this.#begin(tick, nowMs);
  }

  confirm({ index, requestContext }: ReadState, tick: number, nowMs: number): void {
    const round = decodeContext(requestContext);
    const asked = this.#asked;
    if (asked === undefined || round === undefined || round.owner !== this.#owner || round.number !== asked.number)
      return;
    this.#asked = undefined;
    this.#confirmedSinceMs = asked.startedMs;
    if (asked.reads.length > 0) this.#confirmed.push({ index, reads: asked.reads });
    if (this.#waiting.length > 0) this.#begin(tick, nowMs);
  }

  /** Reads that may be answered from the state with that much applied. */
  ready(appliedIndex: number): Read[] {
    if (this.#confirmed.length === 0) return [];
    const ready = this.#confirmed.filter(({ index }) => index <= appliedIndex);
    if (ready.length === 0) return [];
    this.#confirmed = this.#confirmed.filter(({ index }) => index > appliedIndex);
    return ready.flatMap(({ reads }) => reads);
  }

  expire(nowMs: number, refuse: (id: string, code: ErrorCode, reason: string) => void): void {
    if (this.size === 0) return;
    const inTime = ({ id, deadlineMs }: Read): boolean => {
      if (nowMs < deadlineMs) return true;
      refuse(id, 'COORDINATION_TIMEOUT', 'No leader has confirmed in time that it is followed by a majority.');
      return false;
    };
    this.#waiting = this.#waiting.filter(inTime);
    if (this.#asked !== undefined) this.#asked.reads = this.#asked.reads.filter(inTime);
    for (const confirmed of this.#confirmed) confirmed.reads = confirmed.reads.filter(inTime);
  }

  #begin(tick: number, nowMs: number): void {
    const number = this.#nextRound++;
    this.#asked = { number, reads: this.#waiting, startedMs: nowMs, askedAtTick: tick };
    this.#waiting = [];
    this.#ask(encodeContext(this.#owner, number));
  }
}

const CONTEXT_BYTES = 16;

/** Who asks, and which round of its. The owner is of one life of a member, so that an old answer is not taken for a new one. */
function encodeContext(owner: number, number: number): Uint8Array {
  const context = new Uint8Array(CONTEXT_BYTES);
  const view = new DataView(context.buffer);
  view.setFloat64(0, owner);
  view.setFloat64(8, number);
  return context;
}

function decodeContext(context: Uint8Array): { owner: number; number: number } | undefined {
  if (context.length !== CONTEXT_BYTES) return undefined;
  const view = new DataView(context.buffer, context.byteOffset, CONTEXT_BYTES);
  return { owner: view.getFloat64(0), number: view.getFloat64(8) };
}
