import { type ConnectSummary, checkConnect } from './connect.ts';
import type { PacketLane } from './lane.ts';
import { CONNECT, checkBody, checkFirstByte, DISCONNECT } from './packets.ts';
import { malformed, tooLarge, type Violation } from './violation.ts';

export interface PacketLimits {
  /** The largest packet, fixed header included. */
  packetBytesMax: number;
  /** The same for CONNECT, which comes from somebody whom nobody has authenticated yet. */
  connectPacketBytesMax: number;
}

export interface ScanResult {
  /** Runs of whole, valid packets, in order: views of what was fed, except for a packet that came in pieces. */
  runs: Uint8Array[];
  /** Bytes of the chunk that were taken. Less than all of them only right behind CONNECT: feed the rest when it is accepted. */
  consumed: number;
  /** Set once; afterwards feed() takes nothing more. */
  violation: Violation | undefined;
}

const PARTIAL_BYTES_MIN = 256;

/**
 * Cuts a client's byte stream into MQTT packets and checks each against MQTT 3.1 and 3.1.1. Pure: bytes in, runs of packets
 * or a violation out, the same for every way in which the stream is cut into chunks.
 *
 * A packet that lies whole in a chunk is checked in place and not copied. One that comes in pieces is gathered in a buffer
 * that doubles as bytes arrive; the length that its header announces allocates nothing.
 */
export class PacketScanner {
  readonly #limits: PacketLimits;
  #phase: 'connect' | 'open' | 'disconnected' | 'violated' = 'connect';
  #connect: ConnectSummary | undefined;
  #partial: Buffer | undefined;
  #partialBytes = 0;
  /** Of the packet at hand; set by #readHeader. */
  #headerBytes = 0;
  #packetBytes = 0;
  #violation: Violation | undefined;
  /** Where packets are offered first, once the connection is open. */
  lane: PacketLane | undefined;

  constructor(limits: PacketLimits) {
    this.#limits = limits;
  }

  /** What CONNECT said; undefined before it. */
  get connect(): ConnectSummary | undefined {
    return this.#connect;
  }

  /** Bytes allocated for a packet that is not whole yet. */
  get bufferedBytes(): number {
    return this.#partial?.length ?? 0;
  }

  feed(chunk: Uint8Array): ScanResult {
    const runs: Uint8Array[] = [];
    const consumed = this.#scan(chunk, runs);
    return { runs, consumed, violation: this.#violation };
  }

  #scan(chunk: Uint8Array, runs: Uint8Array[]): number {
    if (this.#phase === 'violated') return 0;
    // A client may send nothing behind DISCONNECT [MQTT-3.14.4-2]. What it sends anyway is left out rather than held against
    // it: to cut the connection could overtake the DISCONNECT on its way to the broker, and fire a will that was taken back.
    if (this.#phase === 'disconnected') return chunk.length;

    let at = 0;
    if (this.#partialBytes > 0) {
      at = this.#completePartial(chunk);
      if (this.#partialBytes > 0 || this.#violation !== undefined) return at;
      const packet = this.#partial as Buffer;
      this.#partial = undefined;
      if (!this.#isTaken(packet, 0)) {
        if (!this.#checkPacket(packet, 0)) return at;
        runs.push(packet.subarray(0, this.#packetBytes));
        const turned = this.#turnsPhase(packet[0] as number);
        if (turned !== undefined) return turned === 'disconnected' ? chunk.length : at;
      }
    }

    let runStart = at;
    while (at < chunk.length) {
      const header = this.#readHeader(chunk, at, chunk.length);
      if (header !== 'whole' || at + this.#packetBytes > chunk.length) break;
      if (this.#isTaken(chunk, at)) {
        if (at > runStart) runs.push(chunk.subarray(runStart, at));
        at += this.#packetBytes;
        runStart = at;
        continue;
      }
      if (!this.#checkPacket(chunk, at)) break;
      const first = chunk[at] as number;
      at += this.#packetBytes;
      const turned = this.#turnsPhase(first);
      if (turned !== undefined) {
        runs.push(chunk.subarray(runStart, at));
        return turned === 'disconnected' ? chunk.length : at;
      }
    }
    if (at > runStart) runs.push(chunk.subarray(runStart, at));
    if (this.#violation !== undefined) return at;
    if (at < chunk.length) this.#keep(chunk, at, chunk.length);
    return chunk.length;
  }

  /** Adds to the packet in pieces what the chunk has of it; #partialBytes is 0 afterwards when it is whole. */
  #completePartial(chunk: Uint8Array): number {
    let at = 0;
    let header = this.#readHeader(this.#partial as Buffer, 0, this.#partialBytes);
    while (header === 'partial' && at < chunk.length) {
      this.#keep(chunk, at, ++at);
      header = this.#readHeader(this.#partial as Buffer, 0, this.#partialBytes);
    }
    if (header !== 'whole') return at;
    const upTo = Math.min(chunk.length, at + this.#packetBytes - this.#partialBytes);
    this.#keep(chunk, at, upTo);
    if (this.#partialBytes === this.#packetBytes) this.#partialBytes = 0;
    return upTo;
  }

  #keep(chunk: Uint8Array, start: number, end: number): void {
    const needed = this.#partialBytes + (end - start);
    if (this.#partial === undefined || this.#partial.length < needed) {
      const doubled = Math.min(2 * (this.#partial?.length ?? 0), this.#limits.packetBytesMax);
      const grown = Buffer.allocUnsafeSlow(Math.max(PARTIAL_BYTES_MIN, doubled, needed));
      this.#partial?.copy(grown, 0, 0, this.#partialBytes);
      this.#partial = grown;
    }
    this.#partial.set(chunk.subarray(start, end), this.#partialBytes);
    this.#partialBytes = needed;
  }

  /** Reads the fixed header, section 2.2, and sets #headerBytes and #packetBytes once it is whole. */
  #readHeader(bytes: Uint8Array, start: number, end: number): 'whole' | 'partial' | 'violated' {
    const connected = this.#phase === 'open';
    const fault = checkFirstByte(bytes[start] as number, connected);
    if (fault !== undefined) return this.#violate(fault);
    let remaining = 0;
    for (let digit = 0; digit < 4; digit++) {
      const at = start + 1 + digit;
      if (at >= end) return 'partial';
      const byte = bytes[at] as number;
      remaining += (byte & 0x7f) * 128 ** digit;
      if (byte < 0x80) {
        this.#headerBytes = 2 + digit;
        this.#packetBytes = this.#headerBytes + remaining;
        const bytesMax = connected ? this.#limits.packetBytesMax : this.#limits.connectPacketBytesMax;
        return this.#packetBytes > bytesMax ? this.#violate(tooLarge(this.#packetBytes, bytesMax)) : 'whole';
      }
    }
    return this.#violate(malformed('MQTT-4.8.0-1, section 2.2.3', 'The remaining length has more than four bytes'));
  }

  #isTaken(bytes: Uint8Array, start: number): boolean {
    if (this.lane === undefined || this.#phase !== 'open') return false;
    return this.lane.take(bytes, start, start + this.#headerBytes, start + this.#packetBytes);
  }

  #checkPacket(bytes: Uint8Array, start: number): boolean {
    const first = bytes[start] as number;
    const bodyStart = start + this.#headerBytes;
    const end = start + this.#packetBytes;
    if (first >> 4 !== CONNECT) {
      const fault = checkBody(first, bytes, bodyStart, end);
      if (fault !== undefined) this.#violate(fault);
      return fault === undefined;
    }
    const connect = checkConnect(bytes, bodyStart, end);
    if ('error' in connect) {
      this.#violate(connect);
      return false;
    }
    this.#connect = connect;
    return true;
  }

  /** The phase that begins behind CONNECT and DISCONNECT; undefined behind any other packet. */
  #turnsPhase(first: number): 'open' | 'disconnected' | undefined {
    const type = first >> 4;
    if (type !== CONNECT && type !== DISCONNECT) return undefined;
    this.#phase = type === CONNECT ? 'open' : 'disconnected';
    return this.#phase;
  }

  #violate(violation: Violation): 'violated' {
    this.#phase = 'violated';
    this.#violation = violation;
    this.#partial = undefined;
    this.#partialBytes = 0;
    return 'violated';
  }
}
