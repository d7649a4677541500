/** Puts fields one behind the other into a buffer that has room for all of them. */
export class FieldWriter {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(bytesMax: number) {
    this.#buffer = Buffer.allocUnsafe(bytesMax);
  }

  u8(value: number): void {
    this.#buffer[this.#at++] = value;
  }

  u16(value: number): void {
    this.#at = this.#buffer.writeUInt16BE(value, this.#at);
  }

  f64(value: number): void {
    this.#at = this.#buffer.writeDoubleBE(value, this.#at);
  }

  text8(text: string): void {
    const bytes = this.#buffer.write(text, this.#at + 1);
    this.#at = this.#buffer.writeUInt8(bytes, this.#at) + bytes;
  }

  text16(text: string): void {
    const bytes = this.#buffer.write(text, this.#at + 2);
    this.#at = this.#buffer.writeUInt16BE(bytes, this.#at) + bytes;
  }

  bytes32(bytes: Uint8Array): void {
    this.#at = this.#buffer.writeUInt32BE(bytes.length, this.#at);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  done(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }
}

/** Takes fields one behind the other. The log checks every record's CRC, so that they are what was written. */
export class FieldReader {
  readonly #buffer: Buffer;
  at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get hasMore(): boolean {
    return this.at < this.#buffer.length;
  }

  u8(): number {
    return this.#buffer[this.at++] as number;
  }

  u16(): number {
    this.at += 2;
    return this.#buffer.readUInt16BE(this.at - 2);
  }

  u32(): number {
    this.at += 4;
    return this.#buffer.readUInt32BE(this.at - 4);
  }

  f64(): number {
    this.at += 8;
    return this.#buffer.readDoubleBE(this.at - 8);
  }

  /** The remaining length of MQTT 3.1.1, 2.2.3. */
  varint(): number {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  }

  text(length: number): string {
    this.at += length;
    return this.#buffer.toString('utf8', this.at - length, this.at);
  }

  bytes(length: number): Buffer {
    this.at += length;
    return this.#buffer.subarray(this.at - length, this.at);
  }
}
