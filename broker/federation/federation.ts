import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from 'pino';
import { LatticeError } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock, Timer } from '../../core/time/index.ts';
import type { LinkState } from '../../core/wire/index.ts';
import { Connection } from './connection.ts';
import { type LinkIdentity, linkKey } from './handshake.ts';
import { type LinkLimits, linkLimits } from './limits.ts';
import { Link, type PeerAddress } from './link.ts';
import type { Federation, FederationPort } from './port.ts';
import { shakeHands } from './shake-hands.ts';

export interface FederationConfig {
  /** Where peers with smaller ids dial; not needed by the broker with the smallest. Port 0 lets the system choose. */
  listen?: { host: string; port: number } | undefined;
  /** Every other broker of the mesh; each of them names this one in turn. */
  peers: PeerAddress[];
}

export interface FederationOptions {
  port: FederationPort;
  config: FederationConfig;
  /** The secret that both ends prove to hold; it never crosses the link. */
  siteKey: string;
  clock: Clock;
  random: Random;
  log: Logger;
  limits?: Partial<LinkLimits>;
}

/** A running federation also says where it listens, which is news when its port was 0. */
export interface LinkFederation extends Federation {
  /** Undefined when it does not listen. */
  listening(): { host: string; port: number } | undefined;
}

/** Connections that have not proven themselves; one more is closed at once. */
const STRANGERS_MAX = 64;
/** Changes of interest within this time make one frame. */
const INTEREST_DELAY_MS = 1;
const STRANGE_LOGS_MAX = 100;

/**
 * Links this broker with its peers: a full mesh, one connection for each pair, dialed by the smaller id. A message crosses
 * one link only, from the broker that a client gave it to, so there is nothing that could go round.
 *
 * Throws CONFIG_INVALID when a peer has this broker's own id, or two have the same.
 */
export function createFederation(options: FederationOptions): LinkFederation {
  const { port, config } = options;
  const ids = config.peers.map(({ id }) => id);
  if (ids.includes(port.brokerId)) {
    throw new LatticeError('CONFIG_INVALID', `links.peers: "${port.brokerId}" is this broker's own id.`);
  }
  if (new Set(ids).size < ids.length)
    throw new LatticeError('CONFIG_INVALID', 'links.peers: an id stands there twice.');
  return new TcpFederation(options);
}

class TcpFederation implements LinkFederation {
  readonly #options: FederationOptions;
  readonly #limits: LinkLimits;
  readonly #key: Buffer;
  readonly #links = new Map<string, Link>();
  readonly #strangers = new Set<Connection>();
  readonly #strangeLogged = new Set<string>();
  #server: Server | undefined;
  #unsubscribe: (() => void)[] = [];
  #interestTimer: Timer | undefined;
  #isStopped = false;

  constructor(options: FederationOptions) {
    const { port, config, clock, random, log } = options;
    this.#options = options;
    this.#limits = linkLimits(options.limits);
    this.#key = linkKey(options.siteKey);
    for (const peer of config.peers) {
      const link = new Link({
        port,
        peer,
        limits: this.#limits,
        clock,
        random: random.fork(`link-${peer.id}`),
        log,
        shakeHands: (connection, onEstablished, onFailed) => {
          const objection = ({ node }: LinkIdentity): string | undefined =>
            node === peer.id ? undefined : `${peer.host}:${peer.port} is ${node}, not ${peer.id}.`;
          this.#shakeHands('dialer', connection, objection, onEstablished, onFailed);
        },
      });
      this.#links.set(peer.id, link);
    }
  }

  /** Rejects with PORT_TAKEN's cause as the system gives it when it cannot listen. */
  async start(): Promise<void> {
    const { port, config, log } = this.#options;
    if (config.listen !== undefined) {
      const server = createServer((socket) => this.#welcome(socket));
      this.#server = server;
      server.listen(config.listen.port, config.listen.host);
      await once(server, 'listening');
      server.on('error', (error) => log.warn({ reason: error.message }, 'a link could not be taken'));
    }
    await Promise.all([...this.#links.values()].map((link) => link.start()));
    this.#unsubscribe = [
      port.onLocalFiltersChanged(() => this.#interestChanged()),
      port.onVolatile((message) => {
        for (const link of this.#links.values()) link.offerVolatile(message);
      }),
    ];
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    this.#interestTimer?.cancel();
    this.#server?.close();
    for (const stranger of this.#strangers) stranger.close();
    await Promise.all([...this.#links.values()].map((link) => link.stop()));
  }

  states(): LinkState[] {
    return [...this.#links.values()].map((link) => link.state());
  }

  listening(): { host: string; port: number } | undefined {
    const address = this.#server?.address();
    if (address === null || typeof address !== 'object') return undefined;
    return { host: address.address, port: address.port };
  }

  #interestChanged(): void {
    this.#interestTimer ??= this.#options.clock.setTimer(INTEREST_DELAY_MS, () => {
      this.#interestTimer = undefined;
      for (const link of this.#links.values()) link.tellInterest();
    });
  }

  #welcome(socket: Socket): void {
    const connection = new Connection(socket, this.#options.clock);
    if (this.#isStopped || this.#strangers.size >= STRANGERS_MAX) {
      connection.close();
      return;
    }
    this.#strangers.add(connection);
    const objection = (peer: LinkIdentity): string | undefined => {
      const { brokerId } = this.#options.port;
      if (peer.node === brokerId) return `${peer.node} is the id of this broker itself.`;
      const link = this.#links.get(peer.node);
      return link === undefined ? `${peer.node} is not a peer of ${brokerId}.` : link.objection(peer);
    };
    this.#shakeHands(
      'listener',
      connection,
      objection,
      (peer) => {
        this.#strangers.delete(connection);
        this.#links.get(peer.node)?.attach(connection, peer);
      },
      (error, claimed) => {
        this.#strangers.delete(connection);
        this.#noteRefused(connection, error, claimed);
      },
    );
  }

  #shakeHands(
    role: 'dialer' | 'listener',
    connection: Connection,
    objection: (peer: LinkIdentity) => string | undefined,
    onEstablished: (peer: LinkIdentity) => void,
    onFailed: (error: LatticeError, claimed: string | undefined) => void,
  ): void {
    const { port, clock } = this.#options;
    shakeHands({
      connection,
      role,
      own: { node: port.brokerId, incarnation: port.incarnation, nonce: randomBytes(16).toString('base64') },
      key: this.#key,
      objection,
      clock,
      timeoutMs: this.#limits.handshakeMsMax,
      onEstablished,
      onFailed,
    });
  }

  #noteRefused(connection: Connection, error: LatticeError, claimed: string | undefined): void {
    if (this.#isStopped) return;
    const link = claimed === undefined ? undefined : this.#links.get(claimed);
    if (link !== undefined && error.code !== 'LINK_DOWN') {
      link.refused(error);
      return;
    }
    const key = `${claimed ?? connection.remoteAddress} ${error.message}`;
    if (this.#strangeLogged.has(key)) return;
    if (this.#strangeLogged.size >= STRANGE_LOGS_MAX) this.#strangeLogged.clear();
    this.#strangeLogged.add(key);
    const { log } = this.#options;
    log.warn(
      { node: claimed, from: connection.remoteAddress, code: error.code, reason: error.message },
      'a link was refused',
    );
  }
}
