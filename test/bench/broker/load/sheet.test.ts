import { type IPublishPacket, parser } from 'mqtt-packet';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../../core/random/index.ts';
import { PacketSheet } from './sheet.ts';

function decoded(bytes: Buffer): IPublishPacket[] {
  const packets: IPublishPacket[] = [];
  const decoder = parser();
  decoder.on('packet', (packet) => packets.push(packet as IPublishPacket));
  decoder.on('error', (error) => {
    throw error;
  });
  decoder.parse(bytes);
  return packets;
}

const options = (parts: { qos: 0 | 1; payloadBytes?: number }) => ({
  topics: ['a/1', 'a/2'],
  payloadBytes: 64,
  slots: 5,
  random: seededRandom('sheet'),
  ...parts,
});

describe('PacketSheet', () => {
  it('makes packets that another codec reads: topics in turn, ids by slot, the stamp of the moment', () => {
    const sheet = new PacketSheet(options({ qos: 1 }));
    const packets = decoded(Buffer.from(sheet.take(1, 3, 42)));
    expect(packets.map(({ topic, messageId, qos }) => [topic, messageId, qos])).toEqual([
      ['a/2', 2, 1],
      ['a/1', 3, 1],
      ['a/2', 4, 1],
    ]);
    for (const { payload } of packets) expect(JSON.parse(payload.toString())).toMatchObject({ ts: 10 ** 12 + 42 });
  });

  it('has no ids at QoS 0, and long payloads', () => {
    const [packet] = decoded(new PacketSheet(options({ qos: 0, payloadBytes: 1024 })).take(0, 1, 0));
    expect(packet).toMatchObject({ qos: 0, topic: 'a/1' });
    expect(packet?.payload).toHaveLength(1024);
    expect(packet?.messageId).toBeUndefined();
  });

  it('gives values anew each time, the same for the same seed', () => {
    const first = new PacketSheet(options({ qos: 1 }));
    const second = new PacketSheet(options({ qos: 1 }));
    const taken = Buffer.from(first.take(0, 5, 7));
    expect(second.take(0, 5, 7)).toEqual(taken);
    expect(first.take(0, 5, 7)).not.toEqual(taken);
  });

  it('refuses topics of several lengths, which would not lie side by side', () => {
    expect(() => new PacketSheet({ ...options({ qos: 0 }), topics: ['a', 'bb'] })).toThrow(RangeError);
  });
});
