import type { LogCursor } from '../../../core/log/index.ts';

export interface DestinationOptions {
  node: string;
  cursor: LogCursor;
  nowMs: number;
  /** Told when `acked` has grown. */
  onAdvanced: (node: string) => void;
}

interface Flight {
  until: number;
  bytes: number;
}

/**
 * Where this broker's stream to one other broker stands. Every position is the end of what lies below it.
 *
 *   acked <= next            what needs no second look: taken there, or of no interest there
 *   confirmed <= sentUntil   what the destination has said that it has; and what it will have once all in flight is taken
 *
 * What lies between confirmed and acked was of no interest: a frame that continues from `confirmed` skips it.
 */
export class Destination {
  readonly node: string;
  readonly #cursor: LogCursor;
  readonly #onAdvanced: (node: string) => void;
  /** Whether it has said how far it came; before that nothing is sent. */
  isLive = false;
  #acked: number;
  #confirmed = 0;
  next: number;
  sentUntil = 0;
  /** The greatest position that anything ever sent to it by this process completes. */
  furthest = 0;
  #flights: Flight[] = [];
  inflightBytes = 0;
  /** Monotonic ms of the last acknowledgement, or of the first frame after all was acknowledged. */
  progressMs = 0;
  askedMs = Number.NEGATIVE_INFINITY;
  /** What was sent when it was asked how far it came, and has not answered. */
  #askedAt: number | undefined;
  rewoundMs = Number.NEGATIVE_INFINITY;
  /** The brokers on the way there, joined; another text is another way. */
  path = '';

  /** Which life of its data folder it is in, and since when it cannot be reached, monotonic ms. */
  incarnation: string | undefined;
  awaySinceMs: number;

  constructor({ node, cursor, nowMs, onAdvanced }: DestinationOptions) {
    this.awaySinceMs = nowMs;
    this.node = node;
    this.#cursor = cursor;
    this.#onAdvanced = onAdvanced;
    this.#acked = cursor.position;
    this.next = cursor.position;
  }

  get acked(): number {
    return this.#acked;
  }

  get isInFlight(): boolean {
    return this.#flights.length > 0;
  }

  /** It has said that it has everything below a position; the stream begins there, or where the journal begins. */
  begin(acceptedUntil: number, firstPosition: number): void {
    this.isLive = true;
    this.#askedAt = undefined;
    this.#confirmed = acceptedUntil;
    this.#advance(Math.max(acceptedUntil, firstPosition));
    this.rewind();
  }

  /** Notes a frame that was sent: it completes everything below `until`. */
  sent(until: number, bytes: number, nowMs: number): void {
    if (this.#flights.length === 0) this.progressMs = nowMs;
    this.#flights.push({ until, bytes });
    this.inflightBytes += bytes;
    this.sentUntil = until;
    this.furthest = Math.max(this.furthest, until);
    this.next = until;
  }

  /** Nothing below the position is wanted there. */
  pass(until: number): void {
    this.next = until;
    if (this.#flights.length === 0) this.#advance(until);
  }

  /** It is asked how far it came. */
  asked(nowMs: number): void {
    this.askedMs = nowMs;
    this.#askedAt = this.sentUntil;
  }

  /** An answer has come: whether what was sent before the question is missing. True when it was not asked. */
  isMissing(acceptedUntil: number): boolean {
    const askedAt = this.#askedAt;
    this.#askedAt = undefined;
    return askedAt === undefined || acceptedUntil < askedAt;
  }

  /** It has taken everything below the position. False when that is not news. */
  onAck(acceptedUntil: number, nowMs: number): boolean {
    if (acceptedUntil <= this.#confirmed) return false;
    this.#confirmed = acceptedUntil;
    this.progressMs = nowMs;
    if (this.#askedAt !== undefined && acceptedUntil >= this.#askedAt) this.#askedAt = undefined;
    let taken = 0;
    for (const { until, bytes } of this.#flights) {
      if (until > acceptedUntil) break;
      this.inflightBytes -= bytes;
      taken += 1;
    }
    this.#flights.splice(0, taken);
    this.sentUntil = Math.max(this.sentUntil, acceptedUntil);
    this.next = Math.max(this.next, acceptedUntil);
    this.#advance(this.#flights.length === 0 ? this.next : acceptedUntil);
    return true;
  }

  /** It has said that it has less than it said before: it continues from there. */
  lower(acceptedUntil: number): void {
    this.#confirmed = Math.min(this.#confirmed, acceptedUntil);
  }

  /** Goes back to what was acknowledged: what is in flight counts as lost. */
  rewind(): void {
    this.#flights = [];
    this.inflightBytes = 0;
    this.next = this.#acked;
    this.sentUntil = this.#confirmed;
  }

  /** Gives up everything below the position; returns how many positions that were. */
  giveUp(until: number): number {
    const lost = Math.max(0, until - this.#acked);
    this.#advance(until);
    this.next = Math.max(this.next, this.#acked);
    return lost;
  }

  flush(): Promise<void> {
    return this.#cursor.flush();
  }

  #advance(until: number): void {
    if (until <= this.#acked) return;
    this.#acked = until;
    this.#cursor.advance(until);
    this.#onAdvanced(this.node);
  }
}
