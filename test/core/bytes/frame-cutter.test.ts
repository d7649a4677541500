import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FrameCutter } from '../../../core/bytes/index.ts';

function framed(content: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([length, content]);
}

describe('frames of a stream', () => {
  it('come out as they went in, however it is cut', () => {
    const contents = fc.array(fc.uint8Array({ minLength: 1, maxLength: 600 }), { maxLength: 6 });
    fc.assert(
      fc.property(contents, fc.array(fc.nat(), { maxLength: 8 }), (frames, places) => {
        const stream = Buffer.concat(frames.map(framed));
        const ends = [...places.map((place) => place % (stream.length + 1)).sort((a, b) => a - b), stream.length];
        const cutter = new FrameCutter(600, (detail) => new Error(detail));
        const seen: Buffer[] = [];
        ends.forEach((end, i) => {
          for (const content of cutter.feed(stream.subarray(i === 0 ? 0 : ends[i - 1], end))) seen.push(content);
        });
        expect(seen).toEqual(frames.map((frame) => Buffer.from(frame)));
      }),
    );
  });

  it.each([0, 601, 2 ** 32 - 1])('of %d bytes are a fault before anything is kept for them', (length) => {
    const header = Buffer.alloc(4);
    header.writeUInt32BE(length);
    const cutter = new FrameCutter(600, (detail) => new Error(detail));
    expect(() => [...cutter.feed(header)]).toThrow(`A frame of ${length} bytes`);
  });
});
