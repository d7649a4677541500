import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { type ClockMessage, clockMessageSchema } from '../core/index.ts';

/*
 * Messages between master and members for a path that does not say who sent what: "LCM", 16 bytes of HMAC-SHA256 over the rest, and
 * JSON with sender and receiver. Probes on the same path begin with "LCP". What is repeated is refused by its round.
 */
const MAGIC = Buffer.from('LCM');
const TAG_BYTES = 16;
const HEAD_BYTES = MAGIC.length + TAG_BYTES;
export const SEALED_BYTES_MAX = 16 * 1024;

const envelopeSchema = z.strictObject({
  site: z.string().max(64),
  from: z.string().max(64),
  to: z.string().max(64),
  message: clockMessageSchema,
});

export interface Sealed {
  site: string;
  from: string;
  to: string;
  message: ClockMessage;
}

/** The key of all such messages of a site, HKDF-SHA256 (RFC 5869) of the site key, so that it is of no other use. */
export function messageKey(siteKey: string): Buffer {
  return Buffer.from(hkdfSync('sha256', siteKey, '', 'lattice/clock-message/v1', 32));
}

export function isSealed(bytes: Uint8Array): boolean {
  return MAGIC.equals(bytes.subarray(0, MAGIC.length));
}

export function seal(key: Buffer, envelope: Sealed): Buffer {
  const body = Buffer.from(JSON.stringify(envelope));
  return Buffer.concat([MAGIC, tagOf(key, body), body]);
}

/** Undefined when it is no such message, or not of this site's key. */
export function unseal(key: Buffer, bytes: Uint8Array): Sealed | undefined {
  if (!isSealed(bytes) || bytes.length < HEAD_BYTES || bytes.length > SEALED_BYTES_MAX) return undefined;
  const body = bytes.subarray(HEAD_BYTES);
  if (!timingSafeEqual(bytes.subarray(MAGIC.length, HEAD_BYTES), tagOf(key, body))) return undefined;
  try {
    return envelopeSchema.safeParse(JSON.parse(Buffer.from(body).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}

function tagOf(key: Buffer, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(body).digest().subarray(0, TAG_BYTES);
}
