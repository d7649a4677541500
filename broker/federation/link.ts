import type { Logger } from 'pino';
import { LatticeError, messageOf } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';
import type { LinkState } from '../../core/wire/index.ts';
import { type LinkLimits, linkCounters } from './limits.ts';
import { LinkFilters } from './link-filters.ts';
import { Neighbour } from './neighbour.ts';
import type { FederationNode } from './node.ts';
import { type Connection, dial, type LinkAddress, type LinkTls } from './transport/index.ts';
import { encodeControl, type LinkIdentity } from './wire/index.ts';

/** Another broker as the configuration names it. */
export interface LinkPeer {
  id: string;
  /** Undefined for one that dials by itself. */
  address?: LinkAddress | undefined;
  /** What may cross, as filters; everything when left out. */
  exports?: readonly string[] | undefined;
  imports?: readonly string[] | undefined;
}

export interface LinkOptions {
  node: FederationNode;
  peer: LinkPeer;
  /** Whether this end dials. */
  dials: boolean;
  tls: LinkTls | undefined;
  compresses: boolean;
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

/** The link to one peer over its connections: dials, tries again, is at most one neighbour at a time, and knows the link's state. */
export class Link {
  readonly #options: LinkOptions;
  readonly #counters = linkCounters();
  readonly #filters: LinkFilters;
  #state: LinkState['state'] = 'connecting';
  #reason = '';
  #connection: Connection | undefined;
  #neighbour: Neighbour | undefined;
  #incarnation: string | undefined;
  #attempts = 0;
  #upSinceMs: number | undefined;
  #redial: Timer | undefined;
  #isStopped = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#filters = new LinkFilters(options.peer);
  }

  get peer(): LinkPeer {
    return this.#options.peer;
  }

  start(): void {
    if (this.#options.dials) this.#dial();
  }

  stop(): void {
    this.#isStopped = true;
    this.#redial?.cancel();
    this.#end();
    this.#connection?.close();
  }

  state(): LinkState {
    const { peer, node } = this.#options;
    const { dropped, ...counters } = this.#counters;
    return {
      peer: peer.id,
      state: this.#state,
      roundTripMs: this.#neighbour?.roundTripMs ?? null,
      ...node.behind(peer.id),
      creditBytes: this.#neighbour?.creditBytes ?? 0,
      queuedBytes: this.#neighbour?.queuedBytes ?? 0,
      ...counters,
      dropped: Object.values(dropped).reduce((sum, count) => sum + count, 0),
      droppedBy: { ...dropped },
    };
  }

  /** Why a connection that names this peer may not become the link now. */
  objection({ node, incarnation }: LinkIdentity): string | undefined {
    if (this.#neighbour === undefined || this.#incarnation === incarnation) return undefined;
    return `${node} is linked already, in another life (${this.#incarnation}); two brokers may not share an id.`;
  }

  /** Takes over an authenticated connection. One that is still there broke unseen. */
  attach(connection: Connection, { incarnation, accepts }: LinkIdentity): void {
    const { node, peer, limits, clock, compresses } = this.#options;
    const previous = this.#connection;
    this.#end();
    if (previous !== connection) previous?.close();
    this.#connection = connection;
    this.#incarnation = incarnation;
    connection.trust();
    connection.onClose = (error) => this.#onClosed(connection, error);
    const neighbour = new Neighbour({
      peer: peer.id,
      limits,
      counters: this.#counters,
      filters: this.#filters,
      clock,
      compression: { compresses, accepts },
      events: node.events,
      send: (frame) => connection.send(frame),
      writableBytes: () => connection.writableBytes,
      fail: (error) => this.#onFailed(connection, error),
    });
    connection.onFrame = (frame) => neighbour.onFrame(frame);
    connection.onDrain = () => neighbour.onDrain();
    this.#neighbour = neighbour;
    this.#upSinceMs = clock.monotonicMs();
    this.#enter('up');
    node.attach(neighbour);
  }

  /** Ends the connection, since what was said of this broker at its start is no longer so. */
  beginAnew(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.close();
    this.#onClosed(connection, new LatticeError('LINK_DOWN', 'This broker has begun a new life.'));
  }

  /** Notes that the peer, or this broker, refused a connection between them; a link that is up stays so. */
  refused(error: LatticeError): void {
    if (this.#neighbour === undefined) this.#enter('refused', error);
  }

  #dial(): void {
    const { peer, clock, tls, shakeHands } = this.#options;
    this.#redial = undefined;
    this.#attempts += 1;
    let connection: Connection;
    try {
      connection = dial(peer.address as LinkAddress, { clock, tls });
    } catch (error) {
      const isCoded = error instanceof LatticeError;
      this.#onDown(isCoded ? error : new LatticeError('LINK_DOWN', messageOf(error), { cause: error }));
      return;
    }
    this.#connection = connection;
    shakeHands(
      connection,
      (identity) => this.attach(connection, identity),
      (error) => this.#onClosed(connection, error),
    );
  }

  /** The neighbour has ended itself; the peer is told why where it is to blame. */
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
    this.#end();
    this.#onDown(error);
  }

  #onDown(error: LatticeError): void {
    if (this.#isStopped) return;
    const { clock, limits, dials } = this.#options;
    // A link that breaks as soon as it is up has not recovered, so it goes on backing off.
    if (this.#upSinceMs !== undefined && clock.monotonicMs() - this.#upSinceMs > limits.keepAliveMs) this.#attempts = 0;
    this.#upSinceMs = undefined;
    this.#enter(error.code === 'LINK_DOWN' ? 'down' : 'refused', error);
    if (dials) this.#redial = clock.setTimer(this.#backOffMs(), () => this.#dial());
  }

  /** Exponential, with equal jitter: half of it fixed, half random, so that brokers do not dial in step. */
  #backOffMs(): number {
    const { limits, random } = this.#options;
    const fullMs = Math.min(limits.reconnectMsMax, limits.reconnectMsMin * 2 ** Math.min(this.#attempts, 20));
    return fullMs * (0.5 + 0.5 * random.next());
  }

  #end(): void {
    const neighbour = this.#neighbour;
    this.#neighbour = undefined;
    if (neighbour === undefined) return;
    neighbour.stop();
    this.#options.node.detach(neighbour);
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
