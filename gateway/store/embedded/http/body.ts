import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';

const gunzipBuffer = promisify(gunzip);

/** A body that cannot be taken; the status is the one to answer with. */
export class BodyError extends Error {
  readonly statusCode: number;

  constructor(statusCode: number, message: string) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** The body's bytes, unpacked if need be; bytesMax holds for the unpacked size too. */
export async function unpack(body: Buffer, encoding: string | undefined, bytesMax: number): Promise<Buffer> {
  if (encoding === undefined || encoding === 'identity') return body;
  if (encoding !== 'gzip') throw new BodyError(415, `content encoding not supported: ${encoding}`);
  try {
    return await gunzipBuffer(body, { maxOutputLength: bytesMax });
  } catch (cause) {
    const isTooLarge = (cause as { code?: string }).code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLarge ? new BodyError(413, 'Request Entity Too Large') : new BodyError(400, 'the body is not gzip');
  }
}
