import { z } from 'zod';

/** How much of a refused payload is kept. */
export const DEAD_LETTER_PAYLOAD_BYTES_MAX = 4096;

/** What was refused, published under `mesh/v1/{site}/{device or account}/deadletter`. */
export const deadLetterSchema = z.object({
  code: z.string(),
  reason: z.string(),
  topic: z.string(),
  /** The first 4 KiB, base64. */
  payloadBase64: z.string(),
  payloadBytes: z.int().min(0),
  /** Wall ms of the refusal. */
  atMs: z.int(),
  /** The broker or gateway that refused. */
  by: z.string(),
});

export type DeadLetter = z.infer<typeof deadLetterSchema>;

export function deadLetter(
  fields: Omit<DeadLetter, 'payloadBase64' | 'payloadBytes'> & { payload: Uint8Array },
): DeadLetter {
  const { payload, ...rest } = fields;
  return {
    ...rest,
    payloadBase64: Buffer.from(payload.subarray(0, DEAD_LETTER_PAYLOAD_BYTES_MAX)).toString('base64'),
    payloadBytes: payload.byteLength,
  };
}
