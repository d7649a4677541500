import type { Logger } from 'pino';
import { codeOf, messageOf } from '../../core/errors/index.ts';
import { type Clock, delay } from '../../core/time/index.ts';
import type { Cluster } from '../federation/index.ts';
import { Giver, type GiverOptions } from './giver.ts';
import {
  decodeMoveAnswer,
  decodeMoveRequest,
  encodeMoveAnswer,
  encodeMoveRequest,
  MOVE,
  MOVE_ANSWER,
} from './move-protocol.ts';
import type { MovedDelivery, SessionImage } from './moved.ts';
import { Taker } from './taker.ts';

/** Kept sessions where they are stored. Every promise resolves once the change is durable. */
export interface MoveStore extends Pick<GiverOptions, 'sessionOf' | 'forget' | 'end'> {
  /** Whether a client is connected with the session. */
  isConnected: (clientId: string) => boolean;
  /** Makes the session if there is none, and adds what the image has to it. Deliveries are told apart from now on. */
  install: (clientId: string, from: string, image: SessionImage) => Promise<void>;
  /** Puts deliveries in front of what was queued here; those that are, or were, here already are passed over. */
  adopt: (clientId: string, from: string, deliveries: MovedDelivery[]) => Promise<void>;
  /** Nothing more comes from that broker. Does nothing when install() was not called. */
  finish: (clientId: string, from: string) => Promise<void>;
}

export interface MoverOptions {
  cluster: Cluster;
  clock: Clock;
  log: Logger;
  store: MoveStore;
  isCurrent: GiverOptions['isCurrent'];
  /** How long a client waits for its messages, in ms; then it gets what is here, and the rest when it comes. */
  timeoutMs: number;
  /** How long to wait for the other brokers to know the subscriptions, and then for what they sent before, in ms each. */
  settleTimeoutMs: number;
}

/** The other brokers that a session is taken from: no deliveries are, until each has said what the client has had there. */
interface Others {
  arrived: Promise<unknown>;
  onImage?: (() => void) | undefined;
}

const RETRY_DELAY_MS = 5_000;
const ALONE: Others = { arrived: Promise.resolve() };

/** Moves kept sessions between brokers: takes those of clients that come, and gives those of clients that went. */
export class Mover {
  readonly #options: MoverOptions;
  /** By client id and broker. */
  readonly #takers = new Map<string, Map<string, Taker>>();
  readonly #stops: (() => void)[] = [];
  #isStopped = false;

  constructor(options: MoverOptions) {
    this.#options = options;
    const { cluster, isCurrent } = options;
    const { sessionOf, forget, end } = options.store;
    const makeStill = (clientId: string): boolean => {
      // It is for the asker, whose claim is the greater, to take over what is still on its way here.
      this.abort(clientId);
      return !this.#takers.has(clientId) && !options.store.isConnected(clientId);
    };
    const giver = new Giver({ sessionOf, forget, end, isCurrent, makeStill });
    this.#stops.push(
      cluster.onDatagram(MOVE, (from, body) => {
        const request = decodeMoveRequest(body);
        if (request === undefined) return;
        giver.answer(from, request).then(
          (answer) => cluster.send(from, MOVE_ANSWER, encodeMoveAnswer(answer)),
          (error: unknown) => this.#warn(error, request.clientId, from, 'a session that has moved could not be ended'),
        );
      }),
      cluster.onDatagram(MOVE_ANSWER, (from, body) => {
        const answer = decodeMoveAnswer(body);
        if (answer !== undefined) this.#takers.get(answer.clientId)?.get(from)?.answered(answer);
      }),
    );
  }

  /** Clients whose sessions are on their way here. */
  get taking(): number {
    return this.#takers.size;
  }

  /**
   * Takes a session from each broker that keeps one. Resolves once all is here that the client has to wait for, or at the
   * timeout; what is still missing then goes on coming.
   */
  async take(clientId: string, stampMs: number, holders: readonly string[]): Promise<void> {
    if (holders.length === 0) return;
    const { clock, timeoutMs } = this.#options;
    const timeout = new AbortController();
    const images = holders.map(() => Promise.withResolvers<void>());
    const arrived = Promise.all(images.map(({ promise }) => promise));
    const all = Promise.all(
      holders.map((from, at) => this.#takeFrom(clientId, stampMs, from, { arrived, onImage: images[at]?.resolve })),
    );
    await Promise.race([all, delay(clock, timeoutMs, timeout.signal)]);
    timeout.abort();
  }

  /** Takes one from a broker that was found late to keep one. */
  fetch(clientId: string, stampMs: number, from: string): void {
    if (this.#takers.get(clientId)?.has(from) !== true) void this.#takeFrom(clientId, stampMs, from, ALONE);
  }

  /** The client has gone to another broker, or begun anew: what is here stays, and nothing more is taken. */
  abort(clientId: string): void {
    for (const taker of this.#takers.get(clientId)?.values() ?? []) taker.abort();
  }

  stop(): void {
    this.#isStopped = true;
    for (const clientId of this.#takers.keys()) this.abort(clientId);
    for (const stop of this.#stops.splice(0)) stop();
  }

  #takeFrom(clientId: string, stampMs: number, from: string, others: Others): Promise<void> {
    const takers = this.#takers.get(clientId) ?? new Map<string, Taker>();
    this.#takers.set(clientId, takers);
    takers.get(from)?.abort();
    const { cluster, clock, store, settleTimeoutMs } = this.#options;
    return new Promise((onReady) => {
      const taker = new Taker({
        clientId,
        stampMs,
        clock,
        send: (request) => cluster.send(from, MOVE, encodeMoveRequest(request)),
        install: async (image) => {
          await store.install(clientId, from, image);
          others.onImage?.();
        },
        settle: async () => {
          await Promise.race([others.arrived, delay(clock, settleTimeoutMs)]);
          await cluster.interestSettled(settleTimeoutMs);
          // What was sent to the other broker alone, before the senders knew the subscriptions here, stands there by then.
          await cluster.caughtUp(from, settleTimeoutMs);
        },
        adopt: (deliveries) => store.adopt(clientId, from, deliveries),
        finish: () => store.finish(clientId, from),
        onReady: () => {
          others.onImage?.();
          onReady();
        },
      });
      takers.set(from, taker);
      void this.#run(taker, clientId, from, () => this.#takeFrom(clientId, stampMs, from, ALONE));
    });
  }

  async #run(taker: Taker, clientId: string, from: string, again: () => Promise<void>): Promise<void> {
    try {
      await taker.run();
      if (!taker.isAborted) this.#options.log.info({ clientId, broker: from }, 'a kept session has moved here');
      this.#forget(taker, clientId, from);
    } catch (error) {
      this.#warn(error, clientId, from, 'a session could not be taken; trying again');
      await delay(this.#options.clock, RETRY_DELAY_MS);
      if (this.#forget(taker, clientId, from) && !this.#isStopped && !taker.isAborted) await again();
    }
  }

  /** False when another one has taken its place. */
  #forget(taker: Taker, clientId: string, from: string): boolean {
    const takers = this.#takers.get(clientId);
    if (takers?.get(from) !== taker) return false;
    takers.delete(from);
    if (takers.size === 0) this.#takers.delete(clientId);
    return true;
  }

  #warn(error: unknown, clientId: string, broker: string, what: string): void {
    this.#options.log.warn({ code: codeOf(error), clientId, broker, error: messageOf(error) }, what);
  }
}
