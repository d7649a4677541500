import { connect, type Socket } from 'node:net';
import { generate, type Packet } from 'mqtt-packet';
import { type PacketHandler, PacketScanner } from './scanner.ts';

export interface ConnectionOptions {
  port: number;
  clientId: string;
  username: string;
  password: string;
  /** Called once with PUBLISH and PUBACK packets found in each read; `other` is the connection's own. */
  handler: Pick<PacketHandler, 'publish' | 'puback'>;
  /** After every packet of a read was told of. */
  onRead(): void;
  /** The connection ended, which no run survives. */
  onClose(reason: string): void;
}

const CONNACK = 2;
const SUBACK = 9;
/** One for all: a read is used up before the next one begins. */
const READ_BUFFER = Buffer.alloc(256 * 1024);

/** An MQTT 3.1.1 client down to its socket: it knows when it is connected and subscribed, and hands the rest on. */
export class Connection {
  readonly socket: Socket;
  readonly #awaited = new Map<number, (code: number) => void>();
  readonly #options: ConnectionOptions;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const scanner = new PacketScanner({
      publish: options.handler.publish,
      puback: options.handler.puback,
      other: (type, buffer, at) => this.#awaited.get(type)?.(buffer[at + (type === CONNACK ? 1 : 2)] as number),
    });
    const callback = (bytes: number): boolean => {
      scanner.push(READ_BUFFER.subarray(0, bytes));
      options.onRead();
      return true;
    };
    const host = '127.0.0.1';
    this.socket = connect({ port: options.port, host, noDelay: true, onread: { buffer: READ_BUFFER, callback } });
    this.socket.on('error', (error) => options.onClose(`${options.clientId}: ${error.message}`));
    this.socket.on('close', () => options.onClose(`${options.clientId}: the broker closed the connection`));
  }

  async open(): Promise<void> {
    const { clientId, username, password } = this.#options;
    const code = await this.#ask(CONNACK, {
      cmd: 'connect',
      protocolId: 'MQTT',
      protocolVersion: 4,
      clean: true,
      // No pings: the runs are short and never idle.
      keepalive: 0,
      clientId,
      username,
      password: Buffer.from(password),
    });
    if (code !== 0) throw new Error(`${clientId}: CONNACK ${code}`);
  }

  async subscribe(topic: string, qos: 0 | 1): Promise<void> {
    const code = await this.#ask(SUBACK, { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic, qos }] });
    if (code !== qos) throw new Error(`${this.#options.clientId}: SUBACK ${code}`);
  }

  #ask(answer: number, packet: Packet): Promise<number> {
    return new Promise((resolve) => {
      this.#awaited.set(answer, resolve);
      this.socket.write(generate(packet));
    });
  }
}
