import type { Logger } from 'pino';
import type { Clock } from '../../core/time/index.ts';
import { Forwarder } from './forwarder.ts';
import type { InterestTable } from './interest/index.ts';
import type { LinkLimits } from './limits.ts';
import type { Neighbour } from './neighbour.ts';
import type { FederationPort } from './port.ts';
import { FollowedTopics, Inflow, Outflow, VolatileOutflow } from './stream/index.ts';
import { Tally } from './tally.ts';
import type { LinkStateDatabase, Routes } from './topology/index.ts';
import type { DataFrame, Datagram } from './wire/index.ts';

export interface StreamsOptions {
  port: FederationPort;
  limits: LinkLimits;
  clock: Clock;
  log: Logger;
  interest: InterestTable;
  database: LinkStateDatabase;
  /** Whether what is known of a broker's filters is up to date. */
  isCurrent: (node: string) => boolean;
  neighbourOf: (peer: string) => Neighbour | undefined;
  /** A destination has had more of this broker's stream than the journal holds. */
  onOlder: (node: string) => void;
  onAdvanced: (node: string) => void;
  onDatagram: (datagram: Datagram) => void;
}

/** What carries messages between this broker and the others: its streams to them, theirs to it, and what passes through. */
export class Streams {
  readonly outflow: Outflow;
  readonly volatile: VolatileOutflow;
  readonly followed: FollowedTopics;
  readonly inflow: Inflow;
  readonly forwarder: Forwarder;
  readonly tally: Tally;
  readonly #port: FederationPort;
  #unsubscribes: (() => void)[] = [];

  constructor(options: StreamsOptions) {
    const { port, limits, clock, log, interest, database, isCurrent, neighbourOf, onOlder, onAdvanced, onDatagram } =
      options;
    const { brokerId } = port;
    this.#port = port;
    const routes = (): Routes => database.routes();
    this.tally = new Tally({
      port,
      log,
      countersOf: (neighbour) => neighbourOf(neighbour)?.counters,
      nextHop: (node) => routes().nextHop(node),
    });
    const outlet = {
      hasRoom: (hop: string) => neighbourOf(hop)?.hasRoom === true,
      send: (hop: string, frame: DataFrame) => void neighbourOf(hop)?.data(frame),
      lets: (hop: string, topic: string) => neighbourOf(hop)?.filters.letsOut(topic) === true,
    };
    const shared = {
      port,
      interest,
      routes,
      outlet,
      limits,
      onSent: (hop: string, messages: number) => this.tally.sent(hop, messages),
    };
    this.outflow = new Outflow({
      ...shared,
      clock,
      isCurrent,
      incarnationOf: (node) => database.of(node)?.incarnation,
      onResend: (node) => this.tally.resent(node),
      onOlder,
      onDropped: (node, cause, count) => this.tally.dropped(node, cause, count),
      onFailed: (error) => log.error({ error }, 'the streams to other brokers have stopped'),
      onAdvanced,
    });
    this.volatile = new VolatileOutflow({
      ...shared,
      onDropped: (hop, count) => this.tally.shed(hop, count),
      onUnreachable: (node) => this.tally.unreachable(node),
    });
    this.followed = new FollowedTopics((until) => this.outflow.haveAllReached(until));
    this.inflow = new Inflow({
      port,
      incarnationOf: (origin) => database.of(origin)?.incarnation,
      acknowledge: (origin, ofIncarnation, acceptedUntil, isRewind) => {
        const position = acceptedUntil - 1;
        const { hopsMax: hopsLeft } = limits;
        this.forwarder.ack({
          origin,
          destination: brokerId,
          incarnation: ofIncarnation,
          position,
          isRewind,
          hopsLeft,
        });
      },
    });
    this.forwarder = new Forwarder({
      brokerId,
      routes,
      neighbourOf,
      onData: (frame, index, { filters, counters }) => this.inflow.onFrame(frame, index, filters, counters),
      onAck: (ack) => {
        if (ack.incarnation !== port.incarnation) return;
        this.outflow.onAck(ack.destination, ack.position + 1, ack.isRewind);
      },
      onDatagram,
    });
  }

  async start(awaited: readonly string[]): Promise<void> {
    await this.outflow.start(awaited);
    this.#unsubscribes = [
      this.#port.onVolatile((message) => this.volatile.offer(message)),
      this.#port.onJournalledVolatile((topic, position) => this.followed.note(topic, position)),
    ];
  }

  /** Resolves when the broker has settled what it was handed. */
  async stop(): Promise<void> {
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    await this.outflow.stop();
    await this.inflow.settled();
  }
}
