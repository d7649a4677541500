import { once } from 'node:events';
import net from 'node:net';
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { expect } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { cleanup, OPERATOR } from './harness.ts';

interface Delivered {
  topic: string;
  payload: string;
  qos: number;
  dup: boolean;
  messageId: number | undefined;
}

/** A client that says what it is told in chunks of any size, and does the handshakes of QoS 1 and 2 by itself. */
export class RawClient {
  readonly delivered: Delivered[] = [];
  /** Packet ids of PUBACK, in the order in which they came. */
  readonly pubacks: number[] = [];
  /** How many packets of each type have come. */
  readonly #received = new Map<string, number>();
  /** Whether it acknowledges what it is sent. */
  acknowledges = true;
  readonly #socket: net.Socket;
  /** What it has to answer while a packet is being written in pieces. */
  readonly #own: Buffer[] = [];
  #isWithin = false;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    const incoming = parser();
    incoming.on('packet', (packet) => this.#take(packet));
    socket.on('data', (chunk) => incoming.parse(chunk));
    cleanup(() => socket.destroy());
  }

  static async open(port: number, clientId: string, clean = true, keepalive = 0): Promise<RawClient> {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    const client = new RawClient(socket);
    const { username, password } = OPERATOR;
    const account = { username, password: Buffer.from(password) };
    client.send({ cmd: 'connect', clientId, clean, keepalive, protocolId: 'MQTT', ...account });
    await eventually(() => expect(client.count('connack')).toBe(1));
    return client;
  }

  send(...packets: Packet[]): void {
    this.#socket.write(Buffer.concat(packets.map((packet) => generate(packet))));
  }

  async subscribe(filter: string, qos: 0 | 1 | 2): Promise<void> {
    const before = this.count('suback');
    this.send({ cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos }] });
    await eventually(() => expect(this.count('suback')).toBe(before + 1));
  }

  /** Writes the packets, cut where `nextCut` says, each chunk in a turn of its own. What it answers goes in between packets. */
  async play(packets: readonly Packet[], nextCut: () => number): Promise<void> {
    let bytes = Buffer.concat(packets.map((packet) => generate(packet)));
    while (bytes.length > 0) {
      const cut = Math.min(bytes.length, nextCut());
      this.#isWithin = cut < bytes.length;
      this.#socket.write(bytes.subarray(0, cut));
      bytes = bytes.subarray(cut);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#socket.write(Buffer.concat(this.#own.splice(0)));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  count(cmd: string): number {
    return this.#received.get(cmd) ?? 0;
  }

  end(): void {
    this.#socket.destroy();
  }

  #answer(packet: Packet): void {
    // A chunk may end within a packet, and nothing may come between its pieces.
    if (this.#isWithin) this.#own.push(generate(packet));
    else this.send(packet);
  }

  #deliver({ topic, payload, qos, dup, messageId }: IPublishPacket): void {
    this.delivered.push({ topic, payload: payload.toString(), qos, dup, messageId });
    if (!this.acknowledges) return;
    if (qos === 1) this.#answer({ cmd: 'puback', messageId: messageId as number });
    if (qos === 2) this.#answer({ cmd: 'pubrec', messageId: messageId as number });
  }

  #take(packet: Packet): void {
    this.#received.set(packet.cmd, this.count(packet.cmd) + 1);
    const messageId = packet.messageId as number;
    switch (packet.cmd) {
      case 'publish':
        this.#deliver(packet);
        break;
      case 'puback':
        this.pubacks.push(messageId);
        break;
      case 'pubrec':
        this.#answer({ cmd: 'pubrel', messageId });
        break;
      case 'pubrel':
        this.#answer({ cmd: 'pubcomp', messageId });
        break;
      default:
    }
  }
}
