import type { LinkCounters } from '../limits.ts';
import type { LinkFilters } from '../link-filters.ts';
import type { FederatedMessage, FederationPort } from '../port.ts';
import type { DataFrame, DataMessage } from '../wire/index.ts';
import { isAsk } from './frame.ts';

export interface InflowOptions {
  port: FederationPort;
  /** Which life of its data folder a broker says it is in; undefined for one that was never heard of. */
  incarnationOf: (origin: string) => string | undefined;
  /** Tells an origin how far this broker came; `isRewind` asks it to go on from there. */
  acknowledge: (origin: string, incarnation: string, acceptedUntil: number, isRewind: boolean) => void;
}

/** What was handed to the broker of one life of an origin. */
interface Stream {
  incarnation: string;
  /** Everything below was handed to the broker. */
  taken: number;
  /** Frames that were handed over and are not settled. */
  pending: number;
  /** The broker refused one: what was handed over behind it is refused as well, and all of it is asked for again. */
  isRefused: boolean;
  /** Something did not continue what was taken, and was left out. */
  hasMissed: boolean;
  /** Where a rewind was asked for last; once is enough until something changes. */
  rewoundAt: number;
}

/**
 * The streams of other brokers as they arrive. A frame is taken when it continues what was taken before, and only then:
 * so the order of each origin is kept whatever way its frames came, and what comes twice is known by its position.
 */
export class Inflow {
  readonly #options: InflowOptions;
  readonly #streams = new Map<string, Stream>();
  #settling: Promise<unknown> = Promise.resolve();

  constructor(options: InflowOptions) {
    this.#options = options;
  }

  /** Takes the part of a frame that is for this broker, its destination number `index`. Resolves when it is dealt with. */
  onFrame(frame: DataFrame, index: number, filters: LinkFilters, counters: LinkCounters): Promise<void> | undefined {
    const { port, incarnationOf } = this.#options;
    if (isAsk(frame)) {
      this.#onAsk(frame.origin, frame.incarnation);
      return undefined;
    }
    const all = messagesFor(frame, index, port.brokerId);
    const messages = all.filter(({ topic }) => !topic.startsWith('$') && filters.letsIn(topic));
    counters.dropped.filtered += all.length - messages.length;
    if (frame.isVolatile) {
      counters.received += messages.length;
      port.acceptVolatile(messages, frame.origin);
      return undefined;
    }
    // Late on its way from an earlier life; taken, it would put that life's place in the place of the present one's.
    if (frame.incarnation !== incarnationOf(frame.origin)) return undefined;
    const taken = this.#take(frame, frame.destinations[index]?.from ?? 0, messages, counters);
    if (taken !== undefined) this.#settling = Promise.all([this.#settling, taken]);
    return taken;
  }

  /** Resolves when the broker has settled everything that it was handed. */
  async settled(): Promise<void> {
    await this.#settling;
  }

  /** The question stands in line behind the frames that were sent before it, so the answer says what became of them. */
  #onAsk(origin: string, incarnation: string): void {
    const stream = this.#streams.get(origin);
    const isPending = stream?.incarnation === incarnation && stream.pending > 0;
    this.#acknowledge(origin, incarnation, !isPending);
  }

  #take(
    { origin, incarnation, start, until }: DataFrame,
    from: number,
    messages: readonly FederatedMessage[],
    counters: LinkCounters,
  ): Promise<void> | undefined {
    const stream = this.#streamOf(origin, incarnation);
    if (stream.isRefused) return undefined;
    if (until <= stream.taken) {
      counters.duplicates += messages.length;
      if (stream.pending === 0) this.#acknowledge(origin, incarnation, false);
      return undefined;
    }
    if (from > stream.taken || start < stream.taken) {
      if (start < stream.taken) counters.duplicates += messages.length;
      stream.hasMissed = true;
      if (stream.pending === 0 && stream.rewoundAt !== stream.taken) this.#askAgain(origin, stream);
      return undefined;
    }
    stream.taken = until;
    stream.hasMissed = false;
    counters.received += messages.length;
    return this.#hand(origin, stream, until, messages);
  }

  async #hand(origin: string, stream: Stream, until: number, messages: readonly FederatedMessage[]): Promise<void> {
    const { port } = this.#options;
    const { incarnation } = stream;
    stream.pending += 1;
    try {
      await port.accept(messages, { origin, incarnation, until });
    } catch {
      // The broker has logged why.
      stream.isRefused = true;
    }
    stream.pending -= 1;
    if (stream.pending === 0 && (stream.isRefused || stream.hasMissed)) this.#askAgain(origin, stream);
    else if (!stream.isRefused) this.#acknowledge(origin, incarnation, false);
  }

  #askAgain(origin: string, stream: Stream): void {
    stream.taken = this.#options.port.acceptedUntil(origin, stream.incarnation);
    stream.rewoundAt = stream.taken;
    stream.isRefused = false;
    stream.hasMissed = false;
    this.#acknowledge(origin, stream.incarnation, true);
  }

  #acknowledge(origin: string, incarnation: string, isRewind: boolean): void {
    const { port, acknowledge } = this.#options;
    acknowledge(origin, incarnation, port.acceptedUntil(origin, incarnation), isRewind);
  }

  #streamOf(origin: string, incarnation: string): Stream {
    let stream = this.#streams.get(origin);
    if (stream?.incarnation !== incarnation) {
      const taken = this.#options.port.acceptedUntil(origin, incarnation);
      stream = { incarnation, taken, pending: 0, isRefused: false, hasMissed: false, rewoundAt: -1 };
      this.#streams.set(origin, stream);
    }
    return stream;
  }
}

function messagesFor(frame: DataFrame, index: number, brokerId: string): FederatedMessage[] {
  const bit = 1 << index;
  const messages: FederatedMessage[] = [];
  for (const message of frame.messages) {
    const shares = message.shares?.filter(({ to }) => to === index);
    const isShared = shares !== undefined && shares.length > 0;
    if ((message.to & bit) === 0 && !isShared) continue;
    messages.push(federatedMessageOf(message, (message.to & bit) !== 0, isShared ? shares : undefined, brokerId));
  }
  return messages;
}

function federatedMessageOf(
  { topic, payload, qos, retain, stamp, sequence }: DataMessage,
  isPlain: boolean,
  shares: DataMessage['shares'],
  broker: string,
): FederatedMessage {
  const message: FederatedMessage = { topic, payload, qos, retain };
  if (stamp !== undefined) message.stamp = stamp;
  if (sequence !== undefined) message.sequence = sequence;
  if (shares !== undefined) message.shares = shares.map(({ filter }) => ({ filter, broker }));
  if (!isPlain) message.isForShareOnly = true;
  return message;
}
