import { z } from 'zod';
import { LatticeError } from '../../../core/errors/index.ts';
import { MESSAGE_BYTES_MAX } from '../types.ts';

export const RPC_CHANNEL = 'rpc';
/** Ids in `finished` of one request. */
export const FINISHED_MAX = 64;
const MESSAGE_CHARS_MAX = 1_000;

const id = z.string().min(1).max(128);

const rpcFrameSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('request'),
    id,
    method: z.string().min(1).max(128),
    /** Of the deadline; ends may differ in their clocks. */
    remainingMs: z.number().min(0),
    /** Requests whose answers have come: they need not be kept any longer. */
    finished: z.array(id).max(FINISHED_MAX),
    body: z.unknown(),
  }),
  /** The caller does not wait any more. */
  z.object({ type: z.literal('cancel'), id }),
  z.object({ type: z.literal('reply'), id, body: z.unknown() }),
  z.object({ type: z.literal('error'), id, code: z.string().max(64), message: z.string().max(MESSAGE_CHARS_MAX) }),
  /** Nothing was done, for want of room; the same request may be sent again. */
  z.object({ type: z.literal('busy'), id, message: z.string().max(MESSAGE_CHARS_MAX) }),
]);

export type RpcFrame = z.infer<typeof rpcFrameSchema>;
export type RequestFrame = Extract<RpcFrame, { type: 'request' }>;
/** What ends a call. */
export type AnswerFrame = Extract<RpcFrame, { type: 'reply' | 'error' }>;

/** Throws RPC_FAILED when that is more than a transport carries. */
export function encodeRpc(frame: RpcFrame): Buffer {
  const bytes = Buffer.from(JSON.stringify(frame));
  if (bytes.length <= MESSAGE_BYTES_MAX) return bytes;
  throw new LatticeError('RPC_FAILED', `A ${frame.type} of ${bytes.length} bytes is too large to send.`);
}

/** Throws PEER_FRAME_INVALID. */
export function decodeRpc(bytes: Buffer): RpcFrame {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new LatticeError('PEER_FRAME_INVALID', 'A frame of the RPC is not JSON.', { cause });
  }
  const parsed = rpcFrameSchema.safeParse(json);
  if (!parsed.success) {
    throw new LatticeError('PEER_FRAME_INVALID', 'A frame of the RPC does not fit.', { cause: parsed.error });
  }
  return parsed.data;
}

/** An error as it crosses: ours with its code, any other without its internals. */
export function errorFrame(id: string, error: unknown): AnswerFrame {
  const { code, message } =
    error instanceof LatticeError
      ? error
      : { code: 'RPC_FAILED', message: 'A fault of the gateway that was asked; its log says more.' };
  return { type: 'error', id, code, message: message.slice(0, MESSAGE_CHARS_MAX) };
}
