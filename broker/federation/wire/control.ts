import { z } from 'zod';
import { interestFrameSchema } from '../interest/index.ts';
import { advertisementSchema } from '../topology/index.ts';
import { encodeFrame } from './frames.ts';
import { linkProtocolError } from './protocol.ts';

const name = z.string().min(1).max(64);
const token = z.string().min(1).max(128);
const filterList = z.array(z.string().min(1).max(1_024)).max(1_000).readonly().optional();
/** What an end is and can; on the handshake frames of both. */
const abilities = {
  /** Carries no traffic between others. */
  isLeaf: z.boolean().default(false),
  /** Forms of compression that it can read besides `deflate`, which everybody can. */
  accepts: z.array(z.string().min(1).max(32)).max(16).default([]),
};

/** HELLO is read in two steps: a version that is not ours may look different behind its number. */
const helloSchema = z.looseObject({ type: z.literal('hello'), protocol: z.int() });
export const helloDetailsSchema = z.object({ node: name, incarnation: token, nonce: token, ...abilities });

const controlSchema = z.discriminatedUnion('type', [
  helloSchema,
  z.object({
    type: z.literal('challenge'),
    node: name,
    incarnation: token,
    nonce: token,
    proof: token,
    ...abilities,
  }),
  z.object({ type: z.literal('auth'), proof: token }),
  z.object({ type: z.literal('welcome') }),
  z.object({ type: z.literal('refuse'), code: z.enum(['LINK_REFUSED', 'LINK_PROTOCOL']), reason: z.string().max(500) }),
  /** What a broker says of itself; flooded. */
  advertisementSchema.extend({ type: z.literal('advertisement') }),
  /** What a broker's clients want, or how that has changed; flooded. */
  interestFrameSchema,
  /** Asks the neighbour for all filters of a broker. */
  z.object({ type: z.literal('interestPull'), node: name }),
  /** What the sender lets out over this link, and in; first of all after the handshake, so that what would be refused is not compared. */
  z.object({ type: z.literal('filters'), exports: filterList, imports: filterList }),
  /** A sign of life, with the sender's hybrid logical clock in ms. PONG carries the id of its PING. */
  z.object({ type: z.literal('ping'), id: z.int(), hlcMs: z.number() }),
  z.object({ type: z.literal('pong'), id: z.int(), hlcMs: z.number() }),
]);

export type ControlFrame = z.infer<typeof controlSchema>;

export function encodeControl(frame: ControlFrame): Buffer {
  return encodeFrame('control', Buffer.from(JSON.stringify(frame)));
}

/** Throws LINK_PROTOCOL. */
export function decodeControl(body: Buffer): ControlFrame {
  let json: unknown;
  try {
    json = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw linkProtocolError('A control frame is not JSON.', cause);
  }
  const parsed = controlSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw linkProtocolError(`A control frame does not fit: ${z.prettifyError(parsed.error).slice(0, 300)}.`);
}
