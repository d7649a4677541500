import type { DurableLog, LogCursor } from '../../core/log/index.ts';
import { encodeBatch, isPrivate, type LinkMessage, roughBytes } from './batch.ts';
import { linkProtocolError } from './frames.ts';
import type { PeerInterest } from './interest.ts';
import type { LinkCounters, LinkLimits } from './limits.ts';
import type { FederatedMessage, FederationPort, RetainedEntry } from './port.ts';

interface SentBatch {
  bytes: number;
  messages: number;
  /** The cursor may go here once the batch is acknowledged. */
  cursorTo: number;
}

/** Where a link stood in this process; the cursor does not tell, for the journal moves it when it drops records. */
export interface LinkProgress {
  /** Everything below it was acknowledged or passed over. */
  position: number;
}

export interface OutboundOptions {
  port: FederationPort;
  journal: DurableLog;
  cursor: LogCursor;
  progress: LinkProgress;
  /** Where in the journal the peer says to go on. */
  fromPosition: number;
  interest: PeerInterest;
  limits: LinkLimits;
  counters: LinkCounters;
  send: (frame: Buffer) => void;
  /** Called when the backlog of the start has been sent, and when a retained message was in the journal without its stamp. */
  compareRetained: () => void;
  onFailed: (error: unknown) => void;
}

/**
 * What goes to a peer: three sources, taken by turns, one batch each, within one window of unacknowledged bytes.
 *
 * - the journal, from the cursor on: what a client gave to this broker and somebody at the peer wants, and every retained
 *   message; the rest is passed over. The cursor follows the acknowledgements, so a message is only ever forgotten here
 *   once it is durable there;
 * - volatile messages, from a bounded queue;
 * - retained messages that a comparison has shown to be missing there.
 */
export class Outbound {
  readonly #options: OutboundOptions;
  readonly #aborter = new AbortController();
  readonly #sent: SentBatch[] = [];
  #sentBatches = 0;
  #ackedBatches = 0;
  #unackedBytes = 0;
  #unackedMessages = 0;
  #readPosition: number;
  readonly #caughtUpAt: number;
  #isCaughtUp = false;
  #volatile: LinkMessage[] = [];
  #volatileBytes = 0;
  #retained: RetainedEntry[] = [];
  #retainedNext = 0;
  #wake: (() => void) | undefined;
  #waitsForJournal = false;

  constructor(options: OutboundOptions) {
    this.#options = options;
    this.#readPosition = Math.max(options.fromPosition, options.cursor.position, options.journal.firstPosition);
    this.#caughtUpAt = options.journal.durablePosition;
    const { journal, progress, fromPosition } = options;
    options.counters.dropped += Math.max(0, journal.firstPosition - Math.max(progress.position, fromPosition));
    this.#advance(this.#readPosition);
  }

  /** Messages on disk that the peer may want and has not acknowledged. */
  get backlogMessages(): number {
    return this.#unackedMessages + Math.max(0, this.#options.journal.nextPosition - this.#readPosition);
  }

  get isPushingRetained(): boolean {
    return this.#retainedNext < this.#retained.length;
  }

  start(): void {
    this.#run().catch((error: unknown) => {
      if (!this.#aborter.signal.aborted) this.#options.onFailed(error);
    });
  }

  stop(): void {
    this.#aborter.abort();
    this.#wakeUp();
  }

  /** A volatile message of a local client. Dropped and counted when the queue is full. */
  offerVolatile({ topic, payload, qos, retain }: FederatedMessage): void {
    const message = { topic, payload, qos, retain };
    const bytes = roughBytes(message);
    if (this.#volatileBytes + bytes > this.#options.limits.volatileBytesMax) {
      this.#options.counters.dropped += 1;
      return;
    }
    this.#volatile.push(message);
    this.#volatileBytes += bytes;
    this.#wakeUp();
  }

  /** Retained messages that the peer lacks. */
  pushRetained(entries: RetainedEntry[]): void {
    this.#retained = [...this.#retained.slice(this.#retainedNext), ...entries];
    this.#retainedNext = 0;
    this.#wakeUp();
  }

  /** The peer has taken so many batches of this connection. Throws LINK_PROTOCOL. */
  onAck(batches: number): void {
    if (batches > this.#sentBatches || batches < this.#ackedBatches) {
      throw linkProtocolError(`An ACK of ${batches} batches, with ${this.#sentBatches} sent.`);
    }
    for (; this.#ackedBatches < batches; this.#ackedBatches++) {
      const { bytes, messages, cursorTo } = this.#sent.shift() as SentBatch;
      this.#unackedBytes -= bytes;
      this.#unackedMessages -= messages;
      this.#advance(cursorTo);
    }
    if (this.#sent.length === 0) this.#advance(this.#readPosition);
    this.#wakeUp();
  }

  #advance(toPosition: number): void {
    this.#options.cursor.advance(toPosition);
    this.#options.progress.position = toPosition;
  }

  async #run(): Promise<void> {
    const { journal, limits } = this.#options;
    const { signal } = this.#aborter;
    while (!signal.aborted) {
      const hasRoom = this.#unackedBytes < limits.windowBytesMax;
      if (hasRoom) {
        const sentBefore = this.#sentBatches;
        const readBefore = this.#readPosition;
        this.#sendVolatile();
        this.#sendRetained();
        if (this.#readPosition < journal.durablePosition) await this.#sendFromJournal();
        if (signal.aborted) return;
        this.#noteCaughtUp();
        if (this.#sentBatches > sentBefore || this.#readPosition > readBefore) continue;
      }
      await this.#pause(hasRoom);
    }
  }

  async #sendFromJournal(): Promise<void> {
    const { port, journal, limits, interest, counters } = this.#options;
    const end = journal.durablePosition;
    const records = await journal.read(this.#readPosition, limits.batchBytes);
    if (this.#aborter.signal.aborted) return;
    const messages: LinkMessage[] = [];
    let lacksStamp = false;
    for (const { position, payload } of records) {
      // Positions that are missing were lost to damage or to the journal's bound.
      counters.dropped += position - this.#readPosition;
      this.#readPosition = position + 1;
      const message = port.messageOf(payload);
      if (message === undefined || isPrivate(message.topic)) continue;
      if (!message.retain) {
        if (interest.wants(message.topic)) messages.push({ ...bare(message), position });
      } else if (message.stampMs !== undefined) {
        messages.push({ ...bare(message), position, stamp: { ms: message.stampMs, broker: message.origin } });
      } else {
        lacksStamp = true;
      }
    }
    if (records.length === 0) {
      counters.dropped += end - this.#readPosition;
      this.#readPosition = end;
    }
    if (messages.length > 0) this.#sendBatch(messages);
    else if (this.#sent.length === 0) this.#advance(this.#readPosition);
    if (lacksStamp && this.#isCaughtUp) this.#options.compareRetained();
  }

  #sendVolatile(): void {
    let count = 0;
    let bytes = 0;
    while (count < this.#volatile.length && bytes < this.#options.limits.batchBytes) {
      bytes += roughBytes(this.#volatile[count++] as LinkMessage);
    }
    if (count === 0) return;
    const messages = this.#volatile.slice(0, count);
    this.#volatile = this.#volatile.slice(count);
    this.#volatileBytes -= bytes;
    this.#sendBatch(messages);
  }

  #sendRetained(): void {
    const messages: LinkMessage[] = [];
    let bytes = 0;
    while (this.#retainedNext < this.#retained.length && bytes < this.#options.limits.batchBytes) {
      const { topic, payload, qos, stampMs, stampBroker } = this.#retained[this.#retainedNext++] as RetainedEntry;
      messages.push({ topic, payload, qos, retain: true, stamp: { ms: stampMs, broker: stampBroker } });
      bytes += roughBytes({ topic, payload });
    }
    if (messages.length === 0) return;
    if (!this.isPushingRetained) this.pushRetained([]);
    this.#sendBatch(messages);
  }

  #sendBatch(messages: LinkMessage[]): void {
    const frame = encodeBatch(messages);
    this.#sent.push({ bytes: frame.length, messages: messages.length, cursorTo: this.#readPosition });
    this.#sentBatches += 1;
    this.#unackedBytes += frame.length;
    this.#unackedMessages += messages.length;
    this.#options.counters.sent += messages.length;
    this.#options.send(frame);
  }

  #noteCaughtUp(): void {
    if (this.#isCaughtUp || this.#readPosition < this.#caughtUpAt) return;
    this.#isCaughtUp = true;
    this.#options.compareRetained();
  }

  /** Until there is something new: an acknowledgement, a message, a record. */
  #pause(forJournal: boolean): Promise<void> {
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    if (forJournal && !this.#waitsForJournal) {
      this.#waitsForJournal = true;
      const { journal, onFailed } = this.#options;
      journal.waitBeyond(this.#readPosition, this.#aborter.signal).then(() => {
        this.#waitsForJournal = false;
        this.#wakeUp();
      }, onFailed);
    }
    return woken;
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

function bare({ topic, payload, qos, retain }: FederatedMessage): LinkMessage {
  return { topic, payload, qos, retain };
}
