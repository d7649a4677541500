import { randomBytes } from 'node:crypto';
import type { Logger } from 'pino';
import { LatticeError } from '../../core/errors/index.ts';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { LinkState, StreamState } from '../../core/wire/index.ts';
import { type LinkLimits, linkLimits } from './limits.ts';
import { Link, type LinkPeer } from './link.ts';
import { FederationNode } from './node.ts';
import type { Federation, FederationPort } from './port.ts';
import {
  type Connection,
  type LinkAddress,
  type LinkListener,
  type LinkTls,
  listen,
  Strangers,
  shakeHands,
} from './transport/index.ts';
import { acceptedCodecs, type LinkIdentity, linkKey } from './wire/index.ts';

export interface FederationConfig {
  /** Where other brokers dial. Port 0 lets the system choose. */
  listen?: LinkAddress | undefined;
  tls?: LinkTls | undefined;
  /** The brokers that this one links to, which name this one in turn; of two the smaller id dials. */
  peers: LinkPeer[];
  /** The brokers to which this one is a leaf: it dials them, they need not name it, and it carries nothing between others. */
  uplinks: LinkPeer[];
  /** Whether leaves that prove the secret of the links may link to this broker. */
  acceptsLeaves: boolean;
  compresses: boolean;
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

/** Connections that have not proven themselves; one more takes the place of an older one. */
const STRANGERS_MAX = 64;
const LEAVES_MAX = 256;
const STRANGE_LOGS_MAX = 100;

/** Joins this broker with others. Throws CONFIG_INVALID when a peer has this broker's own id, two have the same, or a leaf has peers. */
export function createFederation(options: FederationOptions): LinkFederation {
  const { port, config } = options;
  const ids = [...config.peers, ...config.uplinks].map(({ id }) => id);
  const invalid = (detail: string): LatticeError => new LatticeError('CONFIG_INVALID', `links: ${detail}`);
  if (ids.includes(port.brokerId)) throw invalid(`"${port.brokerId}" is this broker's own id.`);
  if (new Set(ids).size < ids.length) throw invalid('an id stands there twice.');
  if (config.peers.length > 0 && config.uplinks.length > 0) throw invalid('a leaf has uplinks and no peers.');
  return new LinkedFederation(options);
}

class LinkedFederation implements LinkFederation {
  readonly #options: FederationOptions;
  readonly #limits: LinkLimits;
  readonly #key: Buffer;
  readonly #node: FederationNode;
  readonly #links = new Map<string, Link>();
  readonly #strangers = new Strangers<Connection, Connection>(STRANGERS_MAX);
  readonly #strangeLogged = new Set<string>();
  #listener: LinkListener | undefined;
  #isStopped = false;

  constructor(options: FederationOptions) {
    const { port, config, clock, log } = options;
    this.#options = options;
    this.#limits = linkLimits(options.limits);
    this.#key = linkKey(options.siteKey);
    const boot = randomBytes(8).toString('hex');
    this.#node = new FederationNode({
      port,
      boot,
      isLeaf: this.#isLeaf,
      limits: this.#limits,
      clock,
      log,
      onRenewed: () => {
        for (const link of this.#links.values()) link.beginAnew();
      },
    });
    for (const peer of config.peers) this.#addLink(peer, port.brokerId < peer.id);
    for (const peer of config.uplinks) this.#addLink(peer, true);
  }

  get brokerId(): string {
    return this.#options.port.brokerId;
  }

  /** Rejects with PORT_TAKEN or LINK_CERTIFICATE when it cannot listen. */
  async start(): Promise<void> {
    const { config, clock } = this.#options;
    await this.#node.start([...this.#links.keys()]);
    if (config.listen !== undefined) {
      const onRefused = (error: LatticeError, address: string): void => this.#noteRefused(address, error, undefined);
      const { handshakeMsMax } = this.#limits;
      const options = { clock, tls: config.tls, strangersMax: STRANGERS_MAX, handshakeMsMax, onRefused };
      this.#listener = await listen(config.listen, options, (connection) => this.#welcome(connection));
    }
    for (const link of this.#links.values()) link.start();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#listener?.close();
    for (const stranger of this.#strangers.all()) stranger.close();
    for (const link of this.#links.values()) link.stop();
    await this.#node.stop();
  }

  states(): LinkState[] {
    return [...this.#links.values()].map((link) => link.state());
  }

  streams(): StreamState[] {
    return this.#node.streams();
  }

  listening(): { host: string; port: number } | undefined {
    return this.#listener === undefined ? undefined : { host: this.#listener.host, port: this.#listener.port };
  }

  reachable(): readonly string[] {
    return this.#node.reachable;
  }

  onReachableChanged(callback: (joined: readonly string[], left: readonly string[]) => void): () => void {
    return this.#node.onReachableChanged(callback);
  }

  send(to: string, kind: string, body: Uint8Array): boolean {
    return this.#node.send(to, kind, body);
  }

  onDatagram(kind: string, handler: (from: string, body: Buffer) => void): () => void {
    return this.#node.onDatagram(kind, handler);
  }

  interestSettled(timeoutMs: number): Promise<boolean> {
    return this.#node.interestSettled(timeoutMs);
  }

  caughtUp(node: string, timeoutMs: number): Promise<boolean> {
    return this.#node.caughtUp(node, timeoutMs);
  }

  shareNodes(topic: string): ReadonlyMap<string, readonly string[]> {
    return this.#node.shareNodes(topic);
  }

  mustFollow(topic: string): boolean {
    return this.#node.mustFollow(topic);
  }

  isWanted(topic: string): boolean {
    return this.#node.isWanted(topic);
  }

  get #isLeaf(): boolean {
    return this.#options.config.uplinks.length > 0;
  }

  #addLink(peer: LinkPeer, dials: boolean): Link {
    const { config, clock, random, log } = this.#options;
    const link = new Link({
      node: this.#node,
      peer,
      dials,
      tls: config.tls,
      compresses: config.compresses,
      limits: this.#limits,
      clock,
      random: random.fork(`link-${peer.id}`),
      log,
      shakeHands: (connection, onEstablished, onFailed) => {
        const objection = ({ node }: LinkIdentity): string | undefined =>
          node === peer.id ? undefined : `${connection.remoteAddress} is ${node}, not ${peer.id}.`;
        this.#shakeHands('dialer', connection, objection, onEstablished, onFailed);
      },
    });
    this.#links.set(peer.id, link);
    return link;
  }

  #welcome(connection: Connection): void {
    if (this.#isStopped) {
      connection.close();
      return;
    }
    this.#strangers.add(connection, connection, connection.remoteAddress)?.close();
    this.#shakeHands(
      'listener',
      connection,
      (peer) => this.#objectionTo(peer),
      (peer) => {
        this.#strangers.delete(connection);
        const link = this.#links.get(peer.node) ?? this.#addLink({ id: peer.node }, false);
        link.attach(connection, peer);
      },
      (error, claimed) => {
        this.#strangers.delete(connection);
        this.#noteRefused(connection.remoteAddress, error, claimed);
      },
    );
  }

  #objectionTo(peer: LinkIdentity): string | undefined {
    const { port, config } = this.#options;
    if (peer.node === port.brokerId) return `${peer.node} is the id of this broker itself.`;
    const link = this.#links.get(peer.node);
    if (link !== undefined) return link.objection(peer);
    if (!peer.isLeaf) return `${peer.node} is not a peer of ${port.brokerId}.`;
    if (!config.acceptsLeaves || this.#isLeaf) return `${port.brokerId} takes no leaves.`;
    if (this.#links.size >= LEAVES_MAX) this.#forgetLeaves();
    return this.#links.size < LEAVES_MAX ? undefined : `${port.brokerId} has ${LEAVES_MAX} links.`;
  }

  /** Leaves that are gone make room for others. */
  #forgetLeaves(): void {
    const { peers, uplinks } = this.#options.config;
    const configured = new Set([...peers, ...uplinks].map(({ id }) => id));
    for (const [id, link] of this.#links) {
      if (configured.has(id) || link.state().state === 'up') continue;
      link.stop();
      this.#links.delete(id);
    }
  }

  #shakeHands(
    role: 'dialer' | 'listener',
    connection: Connection,
    objection: (peer: LinkIdentity) => string | undefined,
    onEstablished: (peer: LinkIdentity) => void,
    onFailed: (error: LatticeError, claimed: string | undefined) => void,
  ): void {
    const { port, clock } = this.#options;
    const { brokerId: node, incarnation } = port;
    const nonce = randomBytes(16).toString('base64');
    shakeHands({
      connection,
      role,
      own: { node, incarnation, nonce, isLeaf: this.#isLeaf, accepts: acceptedCodecs() },
      key: this.#key,
      objection,
      clock,
      timeoutMs: this.#limits.handshakeMsMax,
      onEstablished,
      onFailed,
    });
  }

  #noteRefused(address: string, error: LatticeError, claimed: string | undefined): void {
    if (this.#isStopped) return;
    const link = claimed === undefined ? undefined : this.#links.get(claimed);
    if (link !== undefined && error.code !== 'LINK_DOWN') {
      link.refused(error);
      return;
    }
    const key = `${claimed ?? address} ${error.message}`;
    if (this.#strangeLogged.has(key)) return;
    if (this.#strangeLogged.size >= STRANGE_LOGS_MAX) this.#strangeLogged.clear();
    this.#strangeLogged.add(key);
    const { log } = this.#options;
    log.warn({ node: claimed, from: address, code: error.code, reason: error.message }, 'a link was refused');
  }
}
