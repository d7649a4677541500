import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { errnoOf } from '../../../core/errors/index.ts';
import type { LogFs } from '../../../core/log/index.ts';
import { decodeSnapshotMetadata, encodeSnapshotMetadata } from '../codec/index.ts';
import type { Snapshot } from '../raft/index.ts';
import { damaged } from './records.ts';

const NAME = 'snapshot';
const MAGIC = 0x4c_53_4e_31;
/** Magic, CRC-32 of what follows it, length of the metadata; then the metadata and the data. */
const HEADER_BYTES = 12;

/** Writes beside it, syncs, renames over it and syncs the folder, so that there is always one that is whole. */
export async function writeSnapshotFile(fs: LogFs, directory: string, { metadata, data }: Snapshot): Promise<void> {
  const encoded = encodeSnapshotMetadata(metadata);
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(encoded.length, 8);
  header.writeUInt32BE(crc32(data, crc32(encoded, crc32(header.subarray(8)))), 4);
  const temporary = join(directory, `${NAME}.tmp`);
  const file = await fs.open(temporary, 'create');
  try {
    await file.truncate(0);
    await file.writev([header, encoded, data], 0);
    await file.datasync();
  } finally {
    await file.close();
  }
  await fs.rename(temporary, join(directory, NAME));
  await fs.syncDirectory(directory);
}

/** Undefined when there is none. Rejects with RAFT_STORAGE_DAMAGED. */
export async function readSnapshotFile(fs: LogFs, directory: string): Promise<Snapshot | undefined> {
  const bytes = await readWhole(fs, join(directory, NAME));
  if (bytes === undefined) return undefined;
  if (bytes.length < HEADER_BYTES || bytes.readUInt32BE(0) !== MAGIC) throw damaged('its snapshot is no snapshot');
  if (crc32(bytes.subarray(8)) !== bytes.readUInt32BE(4)) throw damaged('its snapshot has wrong bytes');
  const dataAt = HEADER_BYTES + bytes.readUInt32BE(8);
  return { metadata: decodeSnapshotMetadata(bytes.subarray(HEADER_BYTES, dataAt)), data: bytes.subarray(dataAt) };
}

async function readWhole(fs: LogFs, path: string): Promise<Buffer | undefined> {
  try {
    const file = await fs.open(path, 'existing');
    try {
      const bytes = Buffer.allocUnsafe(await file.size());
      const read = await file.pread(bytes, 0);
      return bytes.subarray(0, read);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
