import { z } from 'zod';

/**
 * How a session crosses: the broker where the client is now asks, page by page, and asks again until it is answered; so a
 * page that came is its own acknowledgement, and the other broker holds one page for those that did not.
 *
 * `session`: subscriptions and packet ids. `deliveries`: what is queued and in flight. `confirm`: that is durable at the
 * asker, so it may go. `rest`: what the session got after it. `end`: that is durable too, so the session may go.
 */
export type MoveStep = 'session' | 'deliveries' | 'confirm' | 'rest' | 'end';

export interface MoveRequest {
  clientId: string;
  /** Of the asker's claim; only the greatest claim that is known may take a session. */
  stampMs: number;
  step: MoveStep;
  page: number;
}

export interface MoveAnswer extends MoveRequest {
  /**
   * `ok`: the page is here. `busy`: the client is still connected there; ask again. `gone`: there is no session (any more).
   * `stale`: there is a greater claim. `restart`: the pages before this one are not known there; begin the step again.
   */
  status: 'ok' | 'busy' | 'gone' | 'stale' | 'restart';
  isLast: boolean;
  body: Buffer;
}

export const MOVE = 'move';
export const MOVE_ANSWER = 'move-answer';
export const PAGE_BYTES = 128 * 1_024;

const requestFields = {
  clientId: z.string().max(65_535),
  stampMs: z.number().min(0),
  step: z.enum(['session', 'deliveries', 'confirm', 'rest', 'end']),
  page: z.int().min(0),
};
const requestSchema = z.object(requestFields);
const headerSchema = z.object({
  ...requestFields,
  status: z.enum(['ok', 'busy', 'gone', 'stale', 'restart']),
  isLast: z.boolean(),
});

export function encodeMoveRequest(request: MoveRequest): Buffer {
  return Buffer.from(JSON.stringify(request));
}

/** Undefined for what is no request. */
export function decodeMoveRequest(body: Buffer): MoveRequest | undefined {
  return requestSchema.safeParse(jsonOf(body)).data;
}

/** Length of the header (u32, little-endian), the header as JSON, the page. */
export function encodeMoveAnswer({ body, ...rest }: MoveAnswer): Buffer {
  const header = Buffer.from(JSON.stringify(rest));
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32LE(header.length);
  return Buffer.concat([length, header, body]);
}

/** Undefined for what is no answer. The page is a view on the bytes given. */
export function decodeMoveAnswer(bytes: Buffer): MoveAnswer | undefined {
  if (bytes.length < 4) return undefined;
  const end = 4 + bytes.readUInt32LE(0);
  if (end > bytes.length) return undefined;
  const header = headerSchema.safeParse(jsonOf(bytes.subarray(4, end))).data;
  return header === undefined ? undefined : { ...header, body: bytes.subarray(end) };
}

function jsonOf(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
