import { z } from 'zod';

/** That a client has connected with a client id to the broker which says so. */
export interface Claim {
  clientId: string;
  /** Of the broker's hybrid clock (core/time/hlc.ts), in ms: above every stamp that it had believed before. */
  stampMs: number;
  username: string;
  /** CONNECT with clean=1: what other brokers keep for the client id ends. */
  isClean: boolean;
  /** Whether the client was let in; false while the broker still asks. */
  isLive: boolean;
}

export interface Answer {
  clientId: string;
  /** Of the claim that is answered, and what it said then; an answer to an older state of it may be out of date. */
  stampMs: number;
  isLive: boolean;
  /**
   * `held`: the broker's own claim is the greater. `taken`: the client id is in use by another account there. `ahead`: the
   * stamp lies too far ahead of its clock, so it was not judged.
   */
  verdict: 'free' | 'held' | 'taken' | 'ahead';
  /** Whether the broker keeps a session of the same account for the client id. */
  hasSession: boolean;
  /** A stamp above all that the broker has believed, so that the next claim of the asker is greater. */
  seenStampMs: number;
}

/** Greater wins: the later stamp, then the greater broker id. */
export function isGreater(stampMs: number, broker: string, thanStampMs: number, thanBroker: string): boolean {
  return stampMs === thanStampMs ? broker > thanBroker : stampMs > thanStampMs;
}

const stamp = z.number().min(0);
const clientId = z.string().max(65_535);
const claims = z.array(
  z.object({ clientId, stampMs: stamp, username: z.string().max(65_535), isClean: z.boolean(), isLive: z.boolean() }),
);
const answers = z.array(
  z.object({
    clientId,
    stampMs: stamp,
    isLive: z.boolean(),
    verdict: z.enum(['free', 'held', 'taken', 'ahead']),
    hasSession: z.boolean(),
    seenStampMs: stamp,
  }),
);

/** Undefined for what is no list of claims. */
export function decodeClaims(body: Uint8Array): Claim[] | undefined {
  return claims.safeParse(jsonOf(body)).data;
}

/** Undefined for what is no list of answers. */
export function decodeAnswers(body: Uint8Array): Answer[] | undefined {
  return answers.safeParse(jsonOf(body)).data;
}

/** Texts of JSON lists that fit datagrams: each has as many of the items as go into bytesMax, and at least one. */
export function encodeLists(items: readonly unknown[], bytesMax: number): Buffer[] {
  const bodies: Buffer[] = [];
  let texts: string[] = [];
  let bytes = 2;
  const finish = (): void => {
    if (texts.length > 0) bodies.push(Buffer.from(`[${texts.join(',')}]`));
    texts = [];
    bytes = 2;
  };
  for (const item of items) {
    const text = JSON.stringify(item);
    const itemBytes = Buffer.byteLength(text) + 1;
    if (bytes + itemBytes > bytesMax) finish();
    texts.push(text);
    bytes += itemBytes;
  }
  finish();
  return bodies;
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'));
  } catch {
    return undefined;
  }
}
