import { Writable } from 'node:stream';
import fc from 'fast-check';
import { generate } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { writePublish } from '../../../broker/mqtt/publish-packet.ts';
import { Outbox, TurnEnd } from '../../../broker/strict/index.ts';

function written(packet: Parameters<typeof writePublish>[1]): Buffer {
  const writes: Buffer[] = [];
  const socket = new Writable({
    write(chunk: Buffer, _encoding, done) {
      writes.push(Buffer.from(chunk));
      done();
    },
  });
  const outbox = new Outbox(socket as unknown as ConstructorParameters<typeof Outbox>[0], new TurnEnd());
  writePublish(outbox, packet);
  outbox.flush();
  return Buffer.concat(writes);
}

describe('a PUBLISH packet', () => {
  it('is the one that mqtt-packet makes, at every length of its length', () => {
    const payload = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.constantFrom(16_370, 16_384, 70_000, 2_097_152).map((bytes) => new Uint8Array(bytes)),
    );
    const topic = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 });
    const qos = fc.constantFrom(0 as const, 1 as const, 2 as const);
    const packetId = fc.integer({ min: 1, max: 65_535 });
    fc.assert(
      fc.property(fc.record({ topic, payload, qos, retain: fc.boolean(), dup: fc.boolean(), packetId }), (each) => {
        const bytes = Buffer.from(each.payload);
        const dup = each.dup && each.qos > 0;
        const id = each.qos > 0 ? { messageId: each.packetId } : {};
        const wanted = generate({ cmd: 'publish', ...each, dup, payload: bytes, ...id });
        expect(written({ ...each, dup, payload: bytes }).equals(wanted)).toBe(true);
      }),
    );
  });

  it('cannot have a topic that is longer than its length says', () => {
    const packet = { payload: '', qos: 0, retain: false, dup: false, packetId: undefined } as const;
    expect(() => written({ ...packet, topic: 'x'.repeat(65_536) })).toThrow(
      expect.objectContaining({ code: 'TOPIC_INVALID' }),
    );
  });
});
