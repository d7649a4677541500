import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { parseMeshTopic, parseReading } from '../../core/wire/index.ts';

/** What a broker took for one device. */
export interface Received {
  device: string;
  kind: string;
  payload: string;
  retain: boolean;
}

/**
 * A bare Aedes in this process, for tests of devices: it keeps what it took, and can be killed (connections cut, state
 * lost) and started again on the same port.
 */
export class PlainBroker {
  readonly received: Received[] = [];
  #server: Server | undefined;
  #aedes: Aedes | undefined;
  readonly #sockets = new Set<Socket>();
  /** PUBACKs of readings that are kept back; undefined when none is to be. */
  #held: (() => void)[] | undefined;
  port = 0;

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    const aedes = await Aedes.createBroker();
    aedes.on('publish', (packet, client) => {
      const topic = parseMeshTopic(packet.topic);
      // A will is published without a client.
      if (topic === undefined || (client === null && topic.kind === 'state')) return;
      this.received.push({
        device: topic.device,
        kind: topic.kind,
        payload: packet.payload.toString(),
        retain: packet.retain,
      });
    });
    aedes.authorizePublish = (_client, { topic }, done) => {
      if (this.#held === undefined || parseMeshTopic(topic)?.kind !== 'state') done(null);
      else this.#held.push(() => done(null));
    };
    const server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      aedes.handle(socket);
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
    this.#server = server;
    this.#aedes = aedes;
    return this;
  }

  /** Keeps back the PUBACKs of readings from now on, until the function that is returned is called. */
  hold(): () => void {
    const held: (() => void)[] = [];
    this.#held = held;
    return () => {
      this.#held = undefined;
      for (const acknowledge of held) acknowledge();
    };
  }

  /** Publishes, retained, as the broker itself. */
  async say(topic: string, payload: string): Promise<void> {
    const packet = { cmd: 'publish', topic, payload, qos: 0, retain: true, dup: false } as const;
    await new Promise<void>((resolve) => this.#aedes?.publish(packet, () => resolve()));
  }

  /** Cuts every connection at once, as a SIGKILL would; what was received stays known to the test. */
  async kill(): Promise<void> {
    const server = this.#server;
    const aedes = this.#aedes;
    this.#server = undefined;
    this.#aedes = undefined;
    if (server === undefined || aedes === undefined) return;
    const closed = once(server, 'close');
    server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await new Promise<void>((resolve) => aedes.close(() => resolve()));
  }

  /** The distinct readings, by device, boot and sequence number, with the payloads seen for each. */
  readings(): Map<string, Set<string>> {
    const readings = new Map<string, Set<string>>();
    for (const { device, kind, payload } of this.received) {
      if (kind !== 'state') continue;
      const { boot, seq } = parseReading(Buffer.from(payload), Number.MAX_SAFE_INTEGER);
      const key = `${device}/${boot}/${seq}`;
      readings.set(key, (readings.get(key) ?? new Set()).add(payload));
    }
    return readings;
  }
}
