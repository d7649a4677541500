import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errnoOf } from '../../core/errors/index.ts';
import type { BrokerState } from '../state/index.ts';
import { type SnapshotFrame, SnapshotLoader, snapshotFrames } from '../state/index.ts';

/** How much is encoded before it is written, which lets the event loop go on in between. */
const CHUNK_BYTES = 128 * 1_024;
const FRAME_PREFIX_BYTES = 12;
const NAME = 'checkpoint';

/**
 * Writes the state to `checkpoint` in the folder: to a temporary file, synced, then renamed, then the folder synced, so that
 * there is always one that is whole. Returns the position from which a replay goes on. The state may change meanwhile.
 */
export async function writeCheckpoint(directory: string, state: BrokerState): Promise<number> {
  await mkdir(directory, { recursive: true });
  const temporary = join(directory, `${NAME}.tmp`);
  const fromPosition = state.position + 1;
  const file = await open(temporary, 'w', 0o600);
  try {
    let chunk: Buffer[] = [];
    let chunkBytes = 0;
    for (const frame of snapshotFrames(state)) {
      const encoded = encodeFrame(frame);
      chunk.push(encoded);
      chunkBytes += encoded.length;
      if (chunkBytes < CHUNK_BYTES) continue;
      await file.writev(chunk);
      chunk = [];
      chunkBytes = 0;
    }
    await file.writev(chunk);
    await file.datasync();
  } catch (error) {
    await file.close();
    await rm(temporary, { force: true });
    throw error;
  }
  await file.close();
  await rename(temporary, join(directory, NAME));
  const folder = await open(directory, 'r');
  await folder.sync();
  await folder.close();
  return fromPosition;
}

/** What became of reading a checkpoint: `damaged` leaves the state half filled, so it must be thrown away. */
export type CheckpointResult = 'loaded' | 'none' | 'damaged';

/** Fills an empty state from the folder's checkpoint. */
export async function readCheckpoint(directory: string, state: BrokerState): Promise<CheckpointResult> {
  const loader = new SnapshotLoader(state);
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of createReadStream(join(directory, NAME), { highWaterMark: 1_024 * 1_024 })) {
      rest = addFrames(loader, rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]));
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 'none';
    if (error instanceof DamagedFrame) return 'damaged';
    throw error;
  }
  return loader.isComplete && rest.length === 0 ? 'loaded' : 'damaged';
}

class DamagedFrame extends Error {}

/** Hands every whole frame on and returns what is left over. */
function addFrames(loader: SnapshotLoader, bytes: Buffer): Buffer {
  let at = 0;
  while (bytes.length - at >= FRAME_PREFIX_BYTES) {
    const bodyBytes = bytes.readUInt32LE(at);
    const end = at + FRAME_PREFIX_BYTES + bodyBytes;
    if (end > bytes.length) break;
    // A copy, so that one small payload does not keep the whole chunk in memory.
    const body = Buffer.from(bytes.subarray(at + FRAME_PREFIX_BYTES, end));
    if (crc32(body) !== bytes.readUInt32LE(at + 4)) throw new DamagedFrame();
    loader.add(decodeFrame(body, bytes.readUInt32LE(at + 8)));
    at = end;
  }
  return bytes.subarray(at);
}

/** Length of the body, its CRC-32, length of the JSON in it; then the JSON and the payload. */
function encodeFrame(frame: SnapshotFrame): Buffer {
  const { payload, ...rest } = frame as SnapshotFrame & { payload?: Buffer };
  const header = Buffer.from(JSON.stringify(rest));
  const body = payload === undefined ? header : Buffer.concat([header, payload]);
  const encoded = Buffer.allocUnsafe(FRAME_PREFIX_BYTES + body.length);
  encoded.writeUInt32LE(body.length, 0);
  encoded.writeUInt32LE(crc32(body), 4);
  encoded.writeUInt32LE(header.length, 8);
  body.copy(encoded, FRAME_PREFIX_BYTES);
  return encoded;
}

const CARRIES_PAYLOAD: ReadonlySet<string> = new Set(['retained', 'will', 'message']);

function decodeFrame(body: Buffer, headerBytes: number): SnapshotFrame {
  const frame = JSON.parse(body.toString('utf8', 0, headerBytes)) as SnapshotFrame;
  return CARRIES_PAYLOAD.has(frame.kind) ? ({ ...frame, payload: body.subarray(headerBytes) } as SnapshotFrame) : frame;
}
