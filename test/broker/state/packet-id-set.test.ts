import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketIdSet } from '../../../broker/state/packet-id-set.ts';

describe('a set of packet ids', () => {
  it('says what a set says, after any sequence of changes', () => {
    const id = fc.oneof(fc.constantFrom(1, 31, 32, 65_535), fc.integer({ min: 1, max: 65_535 }));
    fc.assert(
      fc.property(fc.array(fc.record({ id, adds: fc.boolean() })), (changes) => {
        const ids = new PacketIdSet();
        const model = new Set<number>();
        for (const { id: each, adds } of changes) {
          if (adds) {
            ids.add(each);
            model.add(each);
          } else {
            expect(ids.delete(each)).toBe(model.delete(each));
          }
          expect(ids.has(each)).toBe(model.has(each));
          expect(ids.size).toBe(model.size);
        }
      }),
    );
  });
});
