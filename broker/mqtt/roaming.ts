import type { Logger } from 'pino';
import { codeOf, type LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { Cluster } from '../federation/index.ts';
import { type ClaimRequest, Claims, Mover } from '../sessions/index.ts';
import type { BrokerStore } from '../store/index.ts';
import { MovedSessions } from './moved-sessions.ts';
import type { Switchboard } from './switchboard.ts';

export interface RoamingOptions {
  cluster: Cluster;
  /** Which life of its data folder this broker is in. */
  incarnation: () => string;
  store: BrokerStore;
  switchboard: Switchboard;
  clock: Clock;
  log: Logger;
  claimTimeoutMs: number;
  transferTimeoutMs: number;
}

/** How long a transfer waits until the other brokers send here what the session wants. */
const SETTLE_TIMEOUT_MS = 2_000;

/** Clients that come from other brokers and go to them: one connection for each client id, and its session with it. */
export class Roaming {
  readonly #claims: Claims;
  readonly #mover: Mover;
  /** Told to end the connection of a client that has won elsewhere. */
  onTakenOver: (clientId: string, connection: number, error: LatticeError) => void = () => {};

  constructor(options: RoamingOptions) {
    const { cluster, incarnation, store, switchboard, clock, log, claimTimeoutMs, transferTimeoutMs } = options;
    const isConnected = switchboard.isConnected.bind(switchboard);
    const sessions = new MovedSessions({ brokerId: cluster.brokerId, incarnation, store, isConnected });
    this.#mover = new Mover({
      cluster,
      clock,
      log,
      store: sessions,
      isCurrent: (clientId, stampMs, broker) => this.#claims.isCurrent(clientId, stampMs, broker),
      timeoutMs: transferTimeoutMs,
      settleTimeoutMs: SETTLE_TIMEOUT_MS,
    });
    this.#claims = new Claims({
      cluster,
      clock,
      hlc: store.hlc,
      timeoutMs: claimTimeoutMs,
      sessionOf: (clientId) => store.state.sessions.get(clientId),
      close: (clientId, connection, error) => {
        this.#mover.abort(clientId);
        this.onTakenOver(clientId, connection, error);
      },
      end: (clientId) => {
        this.#mover.abort(clientId);
        sessions.end(clientId).then(
          () => log.info({ clientId }, 'a kept session has ended, since its client began anew at another broker'),
          (error: unknown) => {
            log.warn({ code: codeOf(error), clientId, error: messageOf(error) }, 'a kept session could not be ended');
          },
        );
      },
      fetch: (clientId, from) => {
        const stampMs = this.#claims.stampOf(clientId);
        if (stampMs !== undefined) this.#mover.fetch(clientId, stampMs, from);
      },
    });
  }

  /**
   * Resolves, once the client may come in, with the other brokers that keep a session for it.
   * Throws CLIENT_ID_TAKEN or SESSION_TAKEN_OVER.
   */
  claim(request: ClaimRequest): Promise<string[]> {
    // A transfer for an older connection would go on under a claim that counts no more.
    this.#mover.abort(request.clientId);
    return this.#claims.claim(request);
  }

  /** Resolves once the client may get messages. */
  async take(clientId: string, holders: readonly string[]): Promise<void> {
    const stampMs = this.#claims.stampOf(clientId);
    if (stampMs !== undefined) await this.#mover.take(clientId, stampMs, holders);
  }

  /** The connection has ended. Safe twice, and for one that never claimed. */
  gone(clientId: string, connection: number): void {
    this.#claims.gone(clientId, connection);
  }

  stop(): void {
    this.#claims.stop();
    this.#mover.stop();
  }
}
