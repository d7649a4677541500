import { Connection, type ConnectionOptions } from './connection.ts';
import { readStamp } from './telemetry.ts';

export interface SubscriberOptions extends Pick<ConnectionOptions, 'port' | 'clientId' | 'username' | 'password'> {
  /** Where the stamp is in a payload. */
  stampAt: number;
  /** The stamp of every so many messages is read. */
  sampleEvery: number;
  onSample(stampUs: number): void;
  /** Messages came, all that one read brought. */
  onDelivered(messages: number): void;
  onClose(reason: string): void;
}

const PUBACK_HEADER = 0x40_02;

/** One client that takes and acknowledges whatever comes, all of a read with one write. */
export class Subscriber {
  readonly connection: Connection;
  readonly #options: SubscriberOptions;
  /** Packet ids of this read. */
  readonly #ids: number[] = [];
  #messages = 0;
  #total = 0;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    const publish = (buffer: Buffer, payloadAt: number, qos: number, idAt: number): void => {
      this.#messages += 1;
      if (qos > 0) this.#ids.push(buffer.readUInt16BE(idAt));
      this.#total += 1;
      if (this.#total % options.sampleEvery === 0) options.onSample(readStamp(buffer, payloadAt + options.stampAt));
    };
    this.connection = new Connection({
      ...options,
      handler: { publish, puback: () => {} },
      onRead: () => this.#onRead(),
    });
  }

  #onRead(): void {
    if (this.#ids.length > 0) {
      const acks = Buffer.allocUnsafe(4 * this.#ids.length);
      for (let i = 0; i < this.#ids.length; i++) {
        acks.writeUInt16BE(PUBACK_HEADER, 4 * i);
        acks.writeUInt16BE(this.#ids[i] as number, 4 * i + 2);
      }
      this.#ids.length = 0;
      this.connection.socket.write(acks);
    }
    const messages = this.#messages;
    this.#messages = 0;
    if (messages > 0) this.#options.onDelivered(messages);
  }
}
