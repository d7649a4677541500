import zlib from 'node:zlib';
import { linkProtocolError } from './protocol.ts';

/** How the messages of a frame are packed. The bytes stand in frames. */
export const CODECS = { none: 0, deflate: 1, zstd: 2 } as const;
export type Codec = keyof typeof CODECS;
const CODEC_OF_BYTE = Object.keys(CODECS) as Codec[];

const LEVEL = 1;
/** The window of a zstd frame may ask for memory of its own; this covers the largest link frame. */
const ZSTD_WINDOW_LOG_MAX = 22;
const CHUNK_BYTES_MIN = 1_024;
const CHUNK_BYTES_MAX = 256 * 1_024;

/** Node has zstd from 22.15 on. */
const hasZstd = typeof zlib.zstdCompressSync === 'function';

/** What this process can read besides deflate; goes into HELLO. */
export function acceptedCodecs(): string[] {
  return hasZstd ? ['zstd'] : [];
}

/** The best that both ends know. */
export function codecFor(peerAccepts: readonly string[]): Codec {
  return hasZstd && peerAccepts.includes('zstd') ? 'zstd' : 'deflate';
}

/** Throws LINK_PROTOCOL when the number is none of CODECS. */
export function codecOfByte(byte: number): Codec {
  const codec = CODEC_OF_BYTE[byte];
  if (codec === undefined) throw linkProtocolError(`An unknown compression, ${byte}.`);
  return codec;
}

export function compress(bytes: Buffer, codec: Exclude<Codec, 'none'>): Buffer {
  const chunkSize = chunkBytes(bytes.length);
  if (codec === 'deflate') return zlib.deflateRawSync(bytes, { level: LEVEL, chunkSize });
  return zlib.zstdCompressSync(bytes, { params: { [zlib.constants.ZSTD_c_compressionLevel]: LEVEL }, chunkSize });
}

/** Never takes more memory than `length`, the bytes that are to come out; any other number of them throws LINK_PROTOCOL. */
export function decompress(bytes: Buffer, codec: Exclude<Codec, 'none'>, length: number): Buffer {
  const options = { maxOutputLength: Math.max(1, length), chunkSize: chunkBytes(length) };
  let plain: Buffer;
  try {
    plain = codec === 'deflate' ? zlib.inflateRawSync(bytes, options) : unzstd(bytes, options);
  } catch (cause) {
    throw linkProtocolError('Compressed messages are damaged or longer than they say.', cause);
  }
  if (plain.length !== length) throw linkProtocolError(`${plain.length} bytes of messages instead of ${length}.`);
  return plain;
}

function unzstd(bytes: Buffer, options: { maxOutputLength: number; chunkSize: number }): Buffer {
  const params = { [zlib.constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG_MAX };
  return zlib.zstdDecompressSync(bytes, { ...options, params });
}

/** One chunk for a usual frame: Node copies what comes in several together. */
function chunkBytes(length: number): number {
  return Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, length + 64));
}
