import { Connection, type ConnectionOptions } from './connection.ts';
import { PacketSheet, type SheetOptions } from './sheet.ts';

export interface PublisherOptions extends Pick<ConnectionOptions, 'port' | 'clientId' | 'username' | 'password'> {
  sheet: Omit<SheetOptions, 'slots'>;
  window: number;
  /** There may be room to send again. */
  onRoom(): void;
  onClose(reason: string): void;
}

/** One client that publishes as fast as its window and the caller let it. */
export class Publisher {
  readonly connection: Connection;
  readonly #options: PublisherOptions;
  readonly #sheet: PacketSheet;
  #inFlight = 0;
  #slot = 0;
  #hasAcks = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
    // Acknowledgements come in order, so with a slot more than the window none is taken before its last write has left.
    this.#sheet = new PacketSheet({
      ...options.sheet,
      slots: Math.max(2 * options.window, options.sheet.topics.length),
    });
    const puback = (): void => {
      this.#inFlight -= 1;
      this.#hasAcks = true;
    };
    const onRead = (): void => {
      if (this.#hasAcks) options.onRoom();
      this.#hasAcks = false;
    };
    this.connection = new Connection({ ...options, handler: { publish: () => {}, puback }, onRead });
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /** Sends as many messages as the window has room for, at most so many; returns how many. */
  send(max: number, elapsedUs: number): number {
    const total = Math.min(max, this.#options.window - this.#inFlight);
    for (let left = total; left > 0; ) {
      const count = Math.min(left, this.#sheet.slots - this.#slot);
      const packets = this.#sheet.take(this.#slot, count, elapsedUs);
      if (this.#options.sheet.qos === 1) this.connection.socket.write(packets);
      else this.connection.socket.write(packets, () => this.#written(count));
      this.#slot = (this.#slot + count) % this.#sheet.slots;
      this.#inFlight += count;
      left -= count;
    }
    return total;
  }

  #written(count: number): void {
    this.#inFlight -= count;
    this.#options.onRoom();
  }
}
