import { z } from 'zod';
import type { TimeKind } from '../slewed-clock.ts';

/*
 * What a device asks for the time with, and what it is answered, as JSON over MQTT:
 *
 *     mesh/v1/{site}/{device}/time   {"id":"9f2c51d07be3a844","t1":81234.125}
 *     mesh/v1/{site}/{device}/now    {"id":"9f2c51d07be3a844","t1":81234.125,"t2":1763800000000.25,"t3":1763800000000.5,
 *                                     "u":0.4,"kind":"absolute","by":"gateway-1"}
 *
 * Both at QoS 0, since what comes late is of no use. The same over UDP: see packet.ts.
 */

/** id: made by the asker, never the same twice. t1: when it asked, by its own monotonic clock; the server only gives it back. */
export interface TimeQuestion {
  id: string;
  t1Ms: number;
}

export interface TimeAnswer extends TimeQuestion {
  /** Mesh time at which the question arrived and the answer left, in ms since 1970 with fractions. */
  t2Ms: number;
  t3Ms: number;
  /** What the server does not know of the mesh's time; infinite while it has none. */
  uncertaintyMs: number;
  kind: TimeKind;
  /** Who answered. */
  serverId: string;
}

export const QUESTION_BYTES_MAX = 128;
export const ANSWER_BYTES_MAX = 512;
export const QUESTION_ID = /^[0-9a-f]{16}$/;
export const TIME_KINDS = ['none', 'relative', 'absolute'] as const satisfies TimeKind[];
const id = z.string().regex(QUESTION_ID);

const questionSchema = z.object({ id, t1: z.number() });
const answerSchema = z.object({
  ...{ id, t1: z.number(), t2: z.number(), t3: z.number() },
  /** null: it has no time of the mesh yet. */
  u: z.number().min(0).nullable(),
  kind: z.enum(TIME_KINDS),
  by: z.string().min(1).max(64),
});

export function encodeTimeQuestion({ id, t1Ms }: TimeQuestion): string {
  return JSON.stringify({ id, t1: t1Ms });
}

/** Undefined when the payload is no question. */
export function decodeTimeQuestion(payload: Uint8Array): TimeQuestion | undefined {
  const question = parsed(questionSchema, payload, QUESTION_BYTES_MAX);
  return question && { id: question.id, t1Ms: question.t1 };
}

export function encodeTimeAnswer({ id, t1Ms, t2Ms, t3Ms, uncertaintyMs, kind, serverId }: TimeAnswer): string {
  const u = Number.isFinite(uncertaintyMs) ? uncertaintyMs : null;
  return JSON.stringify({ id, t1: t1Ms, t2: t2Ms, t3: t3Ms, u, kind, by: serverId });
}

/** Undefined when the payload is no answer. */
export function decodeTimeAnswer(payload: Uint8Array): TimeAnswer | undefined {
  const answer = parsed(answerSchema, payload, ANSWER_BYTES_MAX);
  if (answer === undefined) return undefined;
  const { t1, t2, t3, u, by, ...same } = answer;
  return { ...same, t1Ms: t1, t2Ms: t2, t3Ms: t3, uncertaintyMs: u ?? Number.POSITIVE_INFINITY, serverId: by };
}

function parsed<T>(schema: z.ZodType<T>, payload: Uint8Array, bytesMax: number): T | undefined {
  if (payload.byteLength > bytesMax) return undefined;
  try {
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString('utf8');
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
