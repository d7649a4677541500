import { LatticeError } from '../../core/errors/index.ts';
import type { Clock, HlcClock, Timer } from '../../core/time/index.ts';
import type { Cluster } from '../federation/index.ts';
import { decodeAnswers, decodeClaims, encodeLists } from './claim.ts';
import type { ClaimEffect, ClaimEvent } from './claim-events.ts';
import { ClaimMachine } from './claim-machine.ts';

export interface ClaimsOptions {
  cluster: Cluster;
  clock: Clock;
  /** Stamps the claims. */
  hlc: HlcClock;
  /** How long a client waits for the other brokers, in ms. */
  timeoutMs: number;
  /** The kept session of a client id here, if there is one. */
  sessionOf: (clientId: string) => { username: string | undefined } | undefined;
  /** Ends a connection that was let in. */
  close: (clientId: string, connection: number, error: LatticeError) => void;
  /** Ends the kept session of a client that began anew elsewhere. */
  end: (clientId: string) => void;
  /** A broker was found to keep a session for a client that is in. */
  fetch: (clientId: string, from: string) => void;
}

export interface ClaimRequest {
  clientId: string;
  /** No other connection in the life of this process has it. */
  connection: number;
  username: string;
  isClean: boolean;
}

interface Waiting {
  admit: (holders: string[]) => void;
  refuse: (error: LatticeError) => void;
}

const CLAIM = 'claim';
const ANSWER = 'claim-answer';
const DATAGRAM_BYTES_MAX = 200 * 1_024;

/** Runs the machine of claims (claim-machine.ts) over the cluster. */
export class Claims {
  readonly #options: ClaimsOptions;
  readonly #machine: ClaimMachine;
  readonly #waiting = new Map<number, Waiting>();
  readonly #stops: (() => void)[] = [];
  #timer: Timer | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(options: ClaimsOptions) {
    this.#options = options;
    const { cluster, hlc, timeoutMs, sessionOf } = options;
    this.#machine = new ClaimMachine({ brokerId: cluster.brokerId, hlc, timeoutMs, sessionOf });
    this.#stops.push(
      // It is found out within a step of the machine.
      hlc.onPutBack(({ aboveMs }) => queueMicrotask(() => this.#step({ type: 'putBack', aboveMs }))),
      cluster.onReachableChanged((joined, left) => this.#step({ type: 'reachable', joined, left })),
      cluster.onDatagram(CLAIM, (from, body) => {
        const claims = decodeClaims(body);
        if (claims !== undefined) this.#step({ type: 'claims', from, claims });
      }),
      cluster.onDatagram(ANSWER, (from, body) => {
        const answers = decodeAnswers(body);
        if (answers !== undefined) this.#step({ type: 'answers', from, answers });
      }),
    );
    this.#step({ type: 'reachable', joined: cluster.reachable(), left: [] });
  }

  /**
   * Claims a client id; resolves with the brokers that keep a session for it, sorted, once the client may come in.
   * Throws CLIENT_ID_TAKEN, or SESSION_TAKEN_OVER when a later connection elsewhere has won meanwhile.
   */
  claim({ clientId, connection, username, isClean }: ClaimRequest): Promise<string[]> {
    return new Promise((admit, refuse) => {
      this.#waiting.set(connection, { admit, refuse });
      this.#step({ type: 'connect', clientId, connection, username, isClean });
    });
  }

  /** The connection has ended. Safe for one that never claimed. */
  gone(clientId: string, connection: number): void {
    this.#waiting.delete(connection);
    this.#step({ type: 'gone', clientId, connection });
  }

  /** Whether a claim of another broker is the greatest known for its client id. */
  isCurrent(clientId: string, stampMs: number, broker: string): boolean {
    return this.#machine.isCurrent(clientId, stampMs, broker);
  }

  /** Stamp of this broker's own claim; undefined when the client is not here. */
  stampOf(clientId: string): number | undefined {
    return this.#machine.stampOf(clientId);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    for (const stop of this.#stops.splice(0)) stop();
  }

  #step(event: ClaimEvent): void {
    if (this.#isStopped) return;
    for (const effect of this.#machine.step(event, this.#options.clock.monotonicMs())) this.#carryOut(effect);
    this.#setTimer();
  }

  #carryOut(effect: ClaimEffect): void {
    const { cluster, close, end, fetch } = this.#options;
    switch (effect.type) {
      case 'claim':
        for (const body of encodeLists(effect.claims, DATAGRAM_BYTES_MAX)) cluster.send(effect.to, CLAIM, body);
        return;
      case 'answer':
        for (const body of encodeLists(effect.answers, DATAGRAM_BYTES_MAX)) cluster.send(effect.to, ANSWER, body);
        return;
      case 'admit':
        this.#waiting.get(effect.connection)?.admit(effect.holders);
        this.#waiting.delete(effect.connection);
        return;
      case 'close': {
        const { clientId, connection, code, by } = effect;
        const what = code === 'CLIENT_ID_TAKEN' ? 'belongs to another account' : 'has connected';
        const error = new LatticeError(code, `"${clientId}" ${what} at the broker "${by}".`);
        const waiting = this.#waiting.get(connection);
        this.#waiting.delete(connection);
        if (waiting === undefined) close(clientId, connection, error);
        else waiting.refuse(error);
        return;
      }
      case 'fetch':
        fetch(effect.clientId, effect.from);
        return;
      case 'end':
        end(effect.clientId);
        return;
      default:
        effect satisfies never;
    }
  }

  #setTimer(): void {
    const dueMs = this.#machine.nextDueMs() ?? Number.POSITIVE_INFINITY;
    if (dueMs === this.#timerDueMs) return;
    this.#timer?.cancel();
    this.#timerDueMs = dueMs;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(Math.max(0, dueMs - clock.monotonicMs()), () => {
      this.#timerDueMs = Number.POSITIVE_INFINITY;
      this.#step({ type: 'tick' });
    });
  }
}
