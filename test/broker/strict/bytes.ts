import { PacketScanner } from '../../../broker/strict/index.ts';

/** Packets written by hand, so that the tests can say what no client library would. */
export const LIMITS = { packetBytesMax: 1_048_576, connectPacketBytesMax: 65_536 };

export function packet(first: number, ...body: (number | Uint8Array | number[])[]): Buffer {
  const bytes = Buffer.concat(body.map((part) => (typeof part === 'number' ? Buffer.of(part) : Buffer.from(part))));
  return Buffer.concat([Buffer.of(first, ...remainingLength(bytes.length)), bytes]);
}

export function remainingLength(length: number): number[] {
  const digits: number[] = [];
  let rest = length;
  do {
    digits.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return digits;
}

export function field(content: string | number[]): Buffer {
  const bytes = Buffer.from(content as string);
  return Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 255), bytes]);
}

export interface ConnectParts {
  name?: string;
  level?: number;
  flags?: number;
  clientId?: string | number[];
  rest?: Uint8Array;
}

export function connect(parts: ConnectParts = {}): Buffer {
  const { name = 'MQTT', level = 4, flags = 2, clientId = 'probe', rest = Buffer.alloc(0) } = parts;
  return packet(0x10, field(name), level, flags, [0, 60], field(clientId), rest);
}

export interface Scanned {
  /** Everything that was passed on. */
  passed: Buffer;
  runs: number;
  violation: string | undefined;
  code: string | undefined;
  connackCode: number | undefined;
}

/** Feeds a stream cut at the given places, as a caller does who accepts the CONNECT at once. */
export function scan(stream: Uint8Array, cuts: number[] = [], scanner = new PacketScanner(LIMITS)): Scanned {
  const passed: Uint8Array[] = [];
  const places = [0, ...cuts, stream.length];
  for (let i = 1; i < places.length; i++) {
    let chunk = stream.subarray(places[i - 1], places[i]);
    while (chunk.length > 0) {
      const { runs, consumed, violation } = scanner.feed(chunk);
      passed.push(...runs.map((run) => Uint8Array.from(run)));
      if (violation !== undefined) {
        return {
          passed: Buffer.concat(passed),
          runs: passed.length,
          violation: violation.error.message,
          code: violation.error.code,
          connackCode: violation.connackCode,
        };
      }
      chunk = chunk.subarray(consumed);
    }
  }
  return {
    passed: Buffer.concat(passed),
    runs: passed.length,
    violation: undefined,
    code: undefined,
    connackCode: undefined,
  };
}
