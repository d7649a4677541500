import type { Logger } from 'pino';
import { LatticeError } from '../../../core/errors/index.ts';
import type { Clock, HlcClock } from '../../../core/time/index.ts';
import type { TransportLimits } from '../limits.ts';
import type { Listeners } from '../listeners.ts';
import type { PeerId, TransportCounters } from '../types.ts';
import { type Frame, frameFault } from '../wire/index.ts';
import type { Connection } from './connection.ts';
import { IncomingStreams } from './incoming-streams.ts';
import { SilenceWatch } from './silence-watch.ts';

export interface ServedPeerOptions {
  peer: PeerId;
  connection: Connection;
  clock: Clock;
  hlc: HlcClock;
  log: Logger;
  limits: TransportLimits;
  counters: TransportCounters;
  listeners: Listeners;
  onEnded: () => void;
}

/** A connection that a peer has dialled: takes its frames and streams, and answers its pings. */
export class ServedPeer {
  readonly #options: ServedPeerOptions;
  readonly #streams: IncomingStreams;
  readonly #watch: SilenceWatch;

  constructor(options: ServedPeerOptions) {
    const { peer, connection, clock, limits, counters, listeners } = options;
    this.#options = options;
    this.#streams = new IncomingStreams({
      peer,
      connection,
      streamsMax: limits.streamsPerPeerMax,
      counters,
      listenerOf: (channel) => listeners.streamListener(channel),
    });
    this.#watch = new SilenceWatch(clock, limits, {
      onSilence: () =>
        connection.abandon(new LatticeError('RPC_UNREACHABLE', `${peer} was not heard of for too long.`)),
    });
    connection.onFrame = (frame) => this.#onFrame(frame);
    connection.onClose = ({ error }) => {
      this.#release();
      if (error.code !== 'RPC_UNREACHABLE') {
        counters.framesInvalid += 1;
        options.log.warn({ peer, code: error.code, err: error }, `closed a gateway's connection: ${error.message}`);
      }
      options.onEnded();
    };
  }

  /** onEnded is not called. Safe twice. */
  close(): void {
    this.#options.connection.close();
    this.#release();
  }

  #release(): void {
    this.#watch.stop();
    this.#streams.abortAll();
  }

  #onFrame(frame: Frame): void {
    this.#watch.heard();
    switch (frame.kind) {
      case 'message':
        this.#onMessage(frame);
        return;
      case 'ping':
        this.#options.connection.send({ kind: 'pong', id: frame.id });
        return;
      case 'streamBegin':
        this.#streams.begin(frame, this.#believed(frame.stampMs));
        return;
      case 'streamChunk':
        this.#streams.chunk(frame);
        return;
      case 'streamEnd':
        this.#streams.end(frame.stream);
        return;
      case 'streamAbort':
        this.#streams.abort(frame.stream);
        return;
      default:
        throw frameFault(`A frame "${frame.kind}" from a dialer.`);
    }
  }

  /** The stamp, unless it was refused. */
  #believed(stampMs: number): number | undefined {
    const { hlc, peer, counters } = this.#options;
    if (hlc.receive(stampMs, peer)) return stampMs;
    counters.stampsRefused += 1;
    return undefined;
  }

  #onMessage({ channel, body, stampMs }: Extract<Frame, { kind: 'message' }>): void {
    const { counters, listeners, peer } = this.#options;
    const believedMs = this.#believed(stampMs);
    const listener = listeners.frameListener(channel);
    if (listener === undefined) {
      counters.droppedNoListener += 1;
      return;
    }
    counters.framesReceived += 1;
    listener(peer, body, believedMs);
  }
}
