import { connect } from 'node:net';
import type { Logger } from 'pino';
import { type LatticeError, messageOf } from '../../core/errors/index.ts';
import type { LogCursor } from '../../core/log/index.ts';
import type { Random } from '../../core/random/index.ts';
import { type Clock, repeat, type Timer } from '../../core/time/index.ts';
import type { LinkState } from '../../core/wire/index.ts';
import { BacklogMeter } from './backlog-meter.ts';
import { Connection } from './connection.ts';
import { encodeControl } from './frames.ts';
import type { LinkIdentity } from './handshake.ts';
import type { LinkCounters, LinkLimits } from './limits.ts';
import type { FederatedMessage, FederationPort } from './port.ts';
import { LinkSession } from './session.ts';

export interface PeerAddress {
  id: string;
  host: string;
  port: number;
}

export interface LinkOptions {
  port: FederationPort;
  peer: PeerAddress;
  limits: LinkLimits;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Proves both ends on a fresh connection; calls one of the two back. */
  shakeHands: (
    connection: Connection,
    onEstablished: (peer: LinkIdentity) => void,
    onFailed: (error: LatticeError) => void,
  ) => void;
}

/** Ticks per keep-alive period. */
const TICKS = 4;

/**
 * The link to one peer over its connections: dials (when this broker's id is the smaller), tries again, runs at most one
 * session at a time, and knows the link's state.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #counters: LinkCounters = { sent: 0, received: 0, duplicates: 0, dropped: 0 };
  readonly #dials: boolean;
  #cursor: LogCursor | undefined;
  readonly #progress = { position: 0 };
  readonly #meter: BacklogMeter;
  #state: LinkState['state'] = 'connecting';
  #reason = '';
  #connection: Connection | undefined;
  #session: LinkSession | undefined;
  #incarnation: string | undefined;
  #roundTripMs: number | undefined;
  /** What the broker was handed by earlier sessions and has not settled. */
  #settling: Promise<void> = Promise.resolve();
  #attempts = 0;
  #upSinceMs: number | undefined;
  #redial: Timer | undefined;
  #ticker: Timer | undefined;
  #isStopped = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#dials = options.port.brokerId < options.peer.id;
    this.#meter = new BacklogMeter(options.port);
  }

  get peer(): PeerAddress {
    return this.#options.peer;
  }

  async start(): Promise<void> {
    const { port, peer, clock, limits } = this.#options;
    this.#cursor = await port.journal.cursor(`link-${peer.id}`);
    this.#progress.position = this.#cursor.position;
    this.#meter.restart(this.#progress.position);
    this.#ticker = repeat(clock, limits.keepAliveMs / TICKS, () => this.#onTick());
    if (this.#dials) this.#dial();
  }

  /** Ends the session, lets the broker settle what it was handed, and makes the cursor durable. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#redial?.cancel();
    this.#ticker?.cancel();
    this.#endSession();
    this.#connection?.close();
    await this.#settling;
    await this.#cursor?.flush();
  }

  state(): LinkState {
    const { peer, port } = this.#options;
    const { firstPosition } = port.journal;
    // Until a session takes over, what the journal has dropped since the last one is counted here.
    const backlog = this.#session?.backlogMessages;
    const dropped = backlog === undefined ? Math.max(0, firstPosition - this.#progress.position) : 0;
    return {
      peer: peer.id,
      state: this.#state,
      roundTripMs: this.#session?.roundTripMs ?? null,
      backlogMessages: backlog ?? this.#meter.messages,
      ...this.#counters,
      dropped: this.#counters.dropped + dropped,
    };
  }

  /** Why a connection that names this peer may not become the link now. */
  objection({ node, incarnation }: LinkIdentity): string | undefined {
    if (this.#session === undefined || this.#incarnation === incarnation) return undefined;
    return `${node} is linked already, in another life (${this.#incarnation}); two brokers may not share an id.`;
  }

  tellInterest(): void {
    this.#session?.tellInterest();
  }

  offerVolatile(message: FederatedMessage): void {
    this.#session?.offerVolatile(message);
  }

  /** Takes over an authenticated connection. A session that is still there belongs to a connection that broke unseen. */
  attach(connection: Connection, { incarnation }: LinkIdentity): void {
    const previous = this.#connection;
    this.#endSession();
    if (previous !== connection) previous?.close();
    this.#connection = connection;
    this.#incarnation = incarnation;
    connection.trust();
    const releaseFrames = connection.holdFrames();
    connection.onClose = (error) => this.#onClosed(connection, error);
    // A session asks for the accepted position, so everything that the one before handed over must be settled.
    void this.#settling.then(() => {
      if (this.#connection !== connection || connection.isOver || this.#isStopped) return;
      this.#startSession(connection, incarnation);
      releaseFrames();
    });
  }

  /** Notes that the peer, or this broker, refused a connection between them; a link that is up stays so. */
  refused(error: LatticeError): void {
    if (this.#session === undefined) this.#enter('refused', error);
  }

  async #onTick(): Promise<void> {
    this.#session?.onTick();
    if (this.#session !== undefined || this.#isStopped) return;
    await this.#meter.catchUp().catch((error: unknown) => {
      this.#options.log.debug({ reason: messageOf(error) }, 'the backlog cannot be counted');
    });
  }

  #dial(): void {
    const { peer, clock, shakeHands } = this.#options;
    this.#redial = undefined;
    this.#attempts += 1;
    const connection = new Connection(connect({ host: peer.host, port: peer.port }), clock);
    this.#connection = connection;
    shakeHands(
      connection,
      (identity) => this.attach(connection, identity),
      (error) => this.#onClosed(connection, error),
    );
  }

  #startSession(connection: Connection, incarnation: string): void {
    const { port, peer, limits, clock } = this.#options;
    const session = new LinkSession({
      port,
      peer: peer.id,
      incarnation,
      cursor: this.#cursor as LogCursor,
      progress: this.#progress,
      limits,
      counters: this.#counters,
      clock,
      send: (frame) => connection.send(frame),
      fail: (error) => this.#onFailed(connection, error),
    });
    this.#session = session;
    this.#upSinceMs = clock.monotonicMs();
    connection.onFrame = (frame) => session.onFrame(frame);
    this.#enter('up');
    session.start();
  }

  /** The session has ended itself; the peer is told why where it is to blame. */
  #onFailed(connection: Connection, error: LatticeError): void {
    const isPeersFault = error.code === 'LINK_PROTOCOL';
    connection.close(
      isPeersFault
        ? encodeControl({ type: 'refuse', code: 'LINK_PROTOCOL', reason: error.message.slice(0, 500) })
        : undefined,
    );
    this.#onClosed(connection, error);
  }

  #onClosed(connection: Connection, error: LatticeError): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#endSession();
    if (this.#isStopped) return;
    const { clock, limits } = this.#options;
    // A link that breaks as soon as it is up has not recovered, so it goes on backing off.
    if (this.#upSinceMs !== undefined && clock.monotonicMs() - this.#upSinceMs > limits.keepAliveMs) this.#attempts = 0;
    this.#upSinceMs = undefined;
    this.#enter(error.code === 'LINK_REFUSED' || error.code === 'LINK_PROTOCOL' ? 'refused' : 'down', error);
    if (this.#dials) this.#redial = clock.setTimer(this.#backOffMs(), () => this.#dial());
  }

  /** Exponential, with equal jitter: half of it fixed, half random, so that brokers do not dial in step. */
  #backOffMs(): number {
    const { limits, random } = this.#options;
    const fullMs = Math.min(limits.reconnectMsMax, limits.reconnectMsMin * 2 ** Math.min(this.#attempts, 20));
    return fullMs * (0.5 + 0.5 * random.next());
  }

  #endSession(): void {
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    session.stop();
    this.#meter.restart(this.#progress.position);
    this.#settling = Promise.all([this.#settling, session.settled()]).then(() => {});
  }

  /** Logs each change once, however often the same attempt fails. */
  #enter(state: LinkState['state'], error?: LatticeError): void {
    const reason = error === undefined ? '' : `${error.code}: ${error.message}`;
    if (state === this.#state && reason === this.#reason) return;
    this.#state = state;
    this.#reason = reason;
    const { log, peer } = this.#options;
    if (error === undefined) log.info({ peer: peer.id, state }, 'the link is up');
    else log.warn({ peer: peer.id, state, code: error.code, reason: error.message }, 'the link is not up');
  }
}
