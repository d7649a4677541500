import { mayPublish, TOPIC_BYTES_MAX } from '../access/index.ts';
import type { Connection, FastLane } from '../mqtt/index.ts';
import { type PacketLane, type StrictStream, topicNameFault } from '../strict/index.ts';
import type { HotPath } from './hot-path.ts';
import { isTopic, type Route } from './route-table.ts';

const PUBLISH_QOS_0 = 0x30;
const PUBLISH_QOS_1 = 0x32;
const PUBLISH_QOS_1_DUP = 0x3a;
const PUBACK = 0x40;
const PINGREQ = 0xc0;
const PINGRESP = Uint8Array.of(0xd0, 0);
/** Aedes closes the connection of a client that publishes to more. */
const TOPIC_LEVELS_MAX = 100;
const SLASH = 0x2f;
/** Topics that one client publishes to and whose rights are remembered. */
const ALLOWED_MAX = 1_024;

/**
 * What the hot path does for one connection: takes PUBLISH of QoS 0 and 1, PUBACK and PINGREQ. Everything else, and what needs
 * more than a look, goes to Aedes; while Aedes is busy with something of this client, its publishes follow there, so that none
 * overtakes another.
 */
export class Lane implements PacketLane, FastLane {
  readonly connection: Connection;
  readonly stream: StrictStream;
  readonly #hot: HotPath;
  /** Packets that Aedes has and has not finished; CONNECT is the first. */
  #slow = 1;
  #lastRoute: Route | undefined;
  readonly #allowed = new Set<Route>();
  #hasTaken = false;
  /** Whether it has published since the last chunk, so that something is owed to it. */
  hasPublished = false;
  /** What it published was refused; it is not read any more, and sent away soon. */
  isHeld = false;
  /** Told when packets were taken, for the keep-alive. */
  onTaken: () => void = () => {};

  constructor(hot: HotPath, connection: Connection, stream: StrictStream) {
    this.#hot = hot;
    this.connection = connection;
    this.stream = stream;
  }

  /** Aedes has finished with a packet. */
  slowDone(): void {
    if (this.#slow > 0) this.#slow -= 1;
  }

  take(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    const isTaken = this.#takes(bytes, start, bodyStart, end);
    if (isTaken) this.#hasTaken = true;
    else this.#slow += 1;
    return isTaken;
  }

  chunkDone(): boolean {
    if (this.#hasTaken) this.onTaken();
    this.#hasTaken = false;
    const mayReadOn = this.#hot.mayReadOn(this);
    this.hasPublished = false;
    return mayReadOn;
  }

  #takes(bytes: Uint8Array, start: number, bodyStart: number, end: number): boolean {
    switch (bytes[start]) {
      case PUBLISH_QOS_0:
        return this.#slow === 0 && this.#publish(bytes, start, bodyStart, end, false);
      case PUBLISH_QOS_1:
      case PUBLISH_QOS_1_DUP:
        return this.#slow === 0 && this.#publish(bytes, start, bodyStart, end, true);
      case PUBACK:
        return (
          end === bodyStart + 2 &&
          this.#acknowledge(((bytes[bodyStart] as number) << 8) | (bytes[bodyStart + 1] as number))
        );
      case PINGREQ:
        if (end !== bodyStart || this.stream.outbox.isBlocked || this.connection.courier === undefined) return false;
        this.stream.outbox.write(PINGRESP);
        return true;
      default:
        return false;
    }
  }

  #publish(bytes: Uint8Array, start: number, bodyStart: number, end: number, isQos1: boolean): boolean {
    const topicStart = bodyStart + 2;
    if (topicStart > end || this.connection.courier === undefined) return false;
    const topicEnd = topicStart + (((bytes[bodyStart] as number) << 8) | (bytes[bodyStart + 1] as number));
    if (topicEnd + (isQos1 ? 2 : 0) > end) return false;
    if (isQos1 && bytes[topicEnd] === 0 && bytes[topicEnd + 1] === 0) return false;
    const route = this.#routeOf(bytes, topicStart, topicEnd);
    if (route === undefined || this.#hot.isShared(route.topic)) return false;
    this.hasPublished = true;
    if (isQos1) return this.#hot.takeDurable(this, route, bytes, start, end, topicEnd);
    // It must not overtake what the same client published before it [MQTT-4.6.0-6].
    if (this.connection.pendingPublishes > 0) return false;
    return this.#hot.routeVolatile(route, bytes, start, end, topicEnd);
  }

  #acknowledge(packetId: number): boolean {
    const { courier } = this.connection;
    if (packetId === 0 || courier === undefined) return false;
    courier.acknowledge(packetId);
    return true;
  }

  /** The route of a topic that this client may publish to; undefined when that is not certain. */
  #routeOf(bytes: Uint8Array, start: number, end: number): Route | undefined {
    const last = this.#lastRoute;
    if (last !== undefined && isTopic(last, bytes, start, end)) return last;
    const route = this.#hot.routes.find(bytes, start, end) ?? this.#newRoute(bytes, start, end);
    if (route === undefined || !(this.#allowed.has(route) || this.#allows(route))) return undefined;
    this.#lastRoute = route;
    return route;
  }

  #allows(route: Route): boolean {
    if (!this.#mayPublish(route.topic)) return false;
    if (this.#allowed.size >= ALLOWED_MAX) this.#allowed.clear();
    this.#allowed.add(route);
    return true;
  }

  /** Only for topics that are valid and allowed, so that strangers to a topic cannot fill the table. */
  #newRoute(bytes: Uint8Array, start: number, end: number): Route | undefined {
    if (end - start > TOPIC_BYTES_MAX || topicNameFault(bytes, start, end, 'topic name') !== undefined)
      return undefined;
    let levels = 1;
    for (let at = start; at < end; at++) if (bytes[at] === SLASH) levels += 1;
    if (levels > TOPIC_LEVELS_MAX) return undefined;
    const topic = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8');
    return this.#mayPublish(topic) ? this.#hot.routes.add(topic, bytes, start, end) : undefined;
  }

  #mayPublish(topic: string): boolean {
    const { identity, courier } = this.connection;
    if (identity === undefined || courier === undefined || topic === this.#hot.commandTopic) return false;
    return mayPublish(identity, this.#hot.site, topic);
  }
}
