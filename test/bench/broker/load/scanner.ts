const PUBACK = 4;
const PUBLISH = 3;
const EMPTY = Buffer.alloc(0);

/** What a scan tells of, packet by packet. The buffer is only good during the call. */
export interface PacketHandler {
  publish(buffer: Buffer, payloadAt: number, qos: number, idAt: number): void;
  puback(): void;
  /** Every other packet: its type (1 to 15), and where what follows its fixed header begins. */
  other(type: number, buffer: Buffer, at: number): void;
}

/** Finds MQTT packets in a stream without making an object of each. */
export class PacketScanner {
  readonly #handler: PacketHandler;
  #rest = EMPTY;

  constructor(handler: PacketHandler) {
    this.#handler = handler;
  }

  push(chunk: Buffer): void {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    for (;;) {
      const end = this.#packet(data, at);
      if (end === undefined) break;
      at = end;
    }
    // A copy: the chunk's memory is used again by the next read.
    this.#rest = at === data.length ? EMPTY : Buffer.from(data.subarray(at));
  }

  /** Tells of the packet that begins here; where it ends, or undefined when it is not whole yet. */
  #packet(data: Buffer, at: number): number | undefined {
    let body = at + 1;
    let length = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = data[body];
      if (byte === undefined) return undefined;
      body += 1;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    if (body + length > data.length) return undefined;
    const first = data[at] as number;
    const type = first >> 4;
    if (type === PUBLISH) {
      const qos = (first >> 1) & 3;
      const idAt = body + 2 + (((data[body] as number) << 8) | (data[body + 1] as number));
      this.#handler.publish(data, qos === 0 ? idAt : idAt + 2, qos, idAt);
    } else if (type === PUBACK) {
      this.#handler.puback();
    } else {
      this.#handler.other(type, data, body);
    }
    return body + length;
  }
}
