import { LatticeError } from '../../core/errors/index.ts';
import type { LogCursor } from '../../core/log/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { type ControlFrame, decodeAck, decodeControl, encodeControl, type Frame, linkProtocolError } from './frames.ts';
import { Inbound } from './inbound.ts';
import { InterestFeed, PeerInterest } from './interest.ts';
import type { LinkCounters, LinkLimits } from './limits.ts';
import { type LinkProgress, Outbound } from './outbound.ts';
import type { FederatedMessage, FederationPort } from './port.ts';
import { answerDigest, decodeKeys, encodeDigest, missingAt } from './retained-digest.ts';

export interface LinkSessionOptions {
  port: FederationPort;
  peer: string;
  /** The peer's life, from the handshake. */
  incarnation: string;
  cursor: LogCursor;
  progress: LinkProgress;
  limits: LinkLimits;
  counters: LinkCounters;
  clock: Clock;
  send: (frame: Buffer) => void;
  /** Ends the connection; called at most once. */
  fail: (error: LatticeError) => void;
}

/**
 * One connection of a link, from the end of the handshake to its own: frames and ticks in, frames out. It knows neither
 * sockets nor timers, so that a simulator runs the same object.
 *
 * Both ends begin with RESUME and their whole interest. Each sends from its journal once it has both of the other: where to
 * go on, and what is wanted. When the backlog is sent, and at intervals afterwards, the retained sets are compared.
 */
export class LinkSession {
  readonly #options: LinkSessionOptions;
  readonly #interest = new PeerInterest();
  readonly #feed = new InterestFeed();
  readonly #send: (frame: Buffer) => void;
  readonly #inbound: Inbound;
  #outbound: Outbound | undefined;
  #resumeFrom: number | undefined;
  #ended = false;
  #heardAtMs: number;
  #pingedAtMs: number;
  #comparedAtMs: number | undefined;
  #pingId = 0;
  #roundTripMs: number | undefined;

  constructor(options: LinkSessionOptions) {
    const { send, port, peer, incarnation, limits, counters, clock } = options;
    this.#options = options;
    this.#heardAtMs = clock.monotonicMs();
    this.#pingedAtMs = this.#heardAtMs;
    const onFailed = (error: unknown): void => this.#fail(error);
    this.#send = (frame) => {
      if (!this.#ended) send(frame);
    };
    this.#inbound = new Inbound({ port, peer, incarnation, limits, counters, send: this.#send, onFailed });
  }

  /** Round trip of the last ping, ms; undefined before the first. */
  get roundTripMs(): number | undefined {
    return this.#roundTripMs;
  }

  /** Undefined until the peer has said where to go on. */
  get backlogMessages(): number | undefined {
    return this.#outbound?.backlogMessages;
  }

  start(): void {
    const { port, peer, incarnation } = this.#options;
    this.#control({ type: 'resume', acceptedPosition: port.acceptedPosition(peer, incarnation) });
    this.tellInterest();
    this.#ping();
  }

  /** No more frames in or out. What the broker was handed is still being settled: await `settled`. */
  stop(): void {
    this.#ended = true;
    this.#outbound?.stop();
  }

  /** Resolves when the broker has settled everything that came over this connection. */
  settled(): Promise<void> {
    return this.#inbound.settled();
  }

  /** Tells the peer what the local clients want, if that has changed. */
  tellInterest(): void {
    if (this.#ended) return;
    for (const frame of this.#feed.update(this.#options.port.localFilters())) this.#control(frame);
  }

  offerVolatile(message: FederatedMessage): void {
    if (this.#interest.wants(message.topic)) this.#outbound?.offerVolatile(message);
  }

  onTick(): void {
    if (this.#ended) return;
    const { limits, clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#heardAtMs >= limits.silenceMsMax) {
      this.#fail(new LatticeError('LINK_DOWN', `Nothing was heard for ${Math.round(nowMs - this.#heardAtMs)} ms.`));
      return;
    }
    if (nowMs - this.#pingedAtMs >= limits.keepAliveMs) this.#ping();
    if (this.#comparedAtMs !== undefined && nowMs - this.#comparedAtMs >= limits.retainedCompareMs) this.#compare();
  }

  /** Never throws: what breaks the protocol ends the session. */
  onFrame(frame: Frame): void {
    if (this.#ended) return;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    try {
      this.#take(frame);
    } catch (error) {
      this.#fail(error);
    }
  }

  #take({ kind, body }: Frame): void {
    const { port } = this.#options;
    switch (kind) {
      case 'batch':
        this.#inbound.onBatch(body);
        return;
      case 'ack':
        if (this.#outbound === undefined) throw linkProtocolError('An ACK before any batch.');
        this.#outbound.onAck(decodeAck(body));
        return;
      case 'digest':
        // In its turn: what the peer sent before is merged first, and so does not look like a difference.
        this.#inbound.after(() => {
          for (const answer of answerDigest(body, () => port.retained())) this.#send(answer);
        });
        return;
      case 'keys':
        if (this.#outbound === undefined) throw linkProtocolError('KEYS before any digest.');
        this.#outbound.pushRetained(missingAt(decodeKeys(body), port.retained()));
        return;
      case 'control':
        this.#takeControl(decodeControl(body));
        return;
    }
  }

  #takeControl(frame: ControlFrame): void {
    switch (frame.type) {
      case 'resume':
        if (this.#resumeFrom !== undefined) throw linkProtocolError('A second RESUME.');
        this.#resumeFrom = frame.acceptedPosition + 1;
        this.#startOutbound();
        return;
      case 'interest':
        this.#interest.apply(frame);
        this.#startOutbound();
        return;
      case 'ping':
        this.#control({ type: 'pong', id: frame.id });
        return;
      case 'pong':
        if (frame.id === this.#pingId) this.#roundTripMs = this.#options.clock.monotonicMs() - this.#pingedAtMs;
        return;
      case 'refuse':
        throw new LatticeError(frame.code, `The other broker ended the link: ${frame.reason}`);
      default:
        throw linkProtocolError(`A frame "${frame.type}" out of place.`);
    }
  }

  #startOutbound(): void {
    if (this.#outbound !== undefined || this.#resumeFrom === undefined || this.#interest.version === 0) return;
    const { port, cursor, progress, limits, counters } = this.#options;
    const { journal } = port;
    if (this.#resumeFrom > journal.nextPosition) {
      throw linkProtocolError(
        `The peer has position ${this.#resumeFrom - 1}; the journal ends at ${journal.nextPosition}.`,
      );
    }
    this.#outbound = new Outbound({
      port,
      journal,
      cursor,
      progress,
      fromPosition: this.#resumeFrom,
      interest: this.#interest,
      limits,
      counters,
      send: this.#send,
      compareRetained: () => this.#compare(),
      onFailed: (error) => this.#fail(error),
    });
    this.#outbound.start();
  }

  #compare(): void {
    this.#comparedAtMs = this.#options.clock.monotonicMs();
    if (this.#outbound?.isPushingRetained) return;
    this.#send(encodeDigest(this.#options.port.retained()));
  }

  #ping(): void {
    this.#pingId += 1;
    this.#pingedAtMs = this.#options.clock.monotonicMs();
    this.#control({ type: 'ping', id: this.#pingId });
  }

  #control(frame: ControlFrame): void {
    this.#send(encodeControl(frame));
  }

  #fail(cause: unknown): void {
    if (this.#ended) return;
    this.stop();
    this.#options.fail(
      cause instanceof LatticeError ? cause : new LatticeError('INTERNAL', 'The link failed of itself.', { cause }),
    );
  }
}
