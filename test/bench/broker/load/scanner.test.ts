import fc from 'fast-check';
import { generate, type Packet } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { PacketScanner } from './scanner.ts';

function scanned(chunks: readonly Buffer[]): string[] {
  const found: string[] = [];
  const scanner = new PacketScanner({
    publish: (buffer, payloadAt, qos, idAt) => {
      const id = qos > 0 ? buffer.readUInt16BE(idAt) : '-';
      found.push(`publish ${qos} ${id} ${buffer.subarray(payloadAt, payloadAt + 3)}`);
    },
    puback: () => found.push('puback'),
    other: (type, buffer, at) => found.push(`${type} ${buffer[at + 1]}`),
  });
  // The chunk's memory is used again, as a connection does it.
  const memory = Buffer.alloc(4096);
  for (const chunk of chunks) {
    chunk.copy(memory);
    scanner.push(memory.subarray(0, chunk.length));
    memory.fill(0xff);
  }
  return found;
}

const publish = (qos: 0 | 1, messageId: number, payload: string): Packet => {
  const packet = { cmd: 'publish', topic: 'a/b', payload, qos, dup: false, retain: false } as const;
  return qos === 0 ? packet : { ...packet, messageId };
};
const PACKETS: Packet[] = [
  { cmd: 'connack', returnCode: 5, sessionPresent: false },
  publish(1, 513, 'one'),
  { cmd: 'puback', messageId: 1 },
  publish(0, 0, 'two'.padEnd(300, '.')),
  publish(1, 65_535, 'six'),
];
const FOUND = ['2 5', 'publish 1 513 one', 'puback', 'publish 0 - two', 'publish 1 65535 six'];

describe('PacketScanner', () => {
  it('finds each packet once, wherever the stream is cut', () => {
    const stream = Buffer.concat(PACKETS.map((packet) => generate(packet)));
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: stream.length - 1 }), { maxLength: 40 });
    fc.assert(
      fc.property(cuts, (places) => {
        const edges = [0, ...places.toSorted((a, b) => a - b), stream.length];
        const chunks = edges.slice(1).map((edge, at) => stream.subarray(edges[at], edge));
        expect(scanned(chunks)).toEqual(FOUND);
      }),
    );
  });
});
