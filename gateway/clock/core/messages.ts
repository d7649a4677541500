import { z } from 'zod';

/*
 * What master and members tell each other, on the gateways' transport or, where there is none, by MQTT. What is measured goes another
 * way: by probes, see ../probe.
 */

const finite = z.number();
const ppm = z.number().min(0).max(1e6);
/** Monotonic clocks count from the start of a machine: a thousand years are too many. */
const monotonic = z.number().min(-1e13).max(1e13);
const wall = z.number().min(-1e15).max(1e15);
const rate = z.number().min(0.99).max(1.01);
const kind = z.enum(['none', 'relative', 'absolute']);
const boot = z.string().min(1).max(64);
const term = z.number().min(0);
const round = z.int().min(0);
/** Names the beginning of a mesh's time: times of two beginnings have nothing to do with each other. */
const epoch = z.string().min(1).max(200);

/** The master wants to know how a member's clock goes. */
const askSchema = z.object({ type: z.literal('ask'), term, round });

/** How a member's clock goes, over its own monotonic clock: see SlewedClock.stretch. */
const reportSchema = z.object({
  type: z.literal('report'),
  term,
  round,
  boot,
  stretch: z.object({
    atMs: monotonic,
    shownMs: wall,
    rate,
    slew: finite.min(-0.01).max(0.01),
    slewUntilMs: monotonic,
  }),
  kind,
  epoch: epoch.optional(),
  /** Of its clock at stretch.atMs or later; null while nothing is known. */
  uncertaintyMs: z.number().min(0).nullable(),
  /** The term of the master that it follows; -1 while it follows none. */
  followedTerm: z.number(),
});

/** The master tells a member the mesh's time, in terms of that member's monotonic clock, so that it may arrive late or twice. */
const adjustSchema = z.object({
  type: z.literal('adjust'),
  term,
  round,
  /** Of the member that it was made for. */
  boot,
  target: z.object({ atMs: monotonic, shownMs: wall, rate }),
  quality: z.object({
    kind: z.enum(['relative', 'absolute']),
    uncertaintyMs: z.number().min(0),
    growthPpm: ppm,
    wanderPpmPerS: ppm,
  }),
  epoch,
  /** Whether the rate of the mesh's time has been averaged over the members for long enough to stay. */
  isSettled: z.boolean(),
  /** What the member's clock was behind when it reported; what it is corrected by. For people. */
  correctionMs: finite.optional(),
  /** Counts the times that a person has set the mesh's time: a member that has not heard of this one sets its clock. */
  stepCount: z.int().min(0),
});

export const clockMessageSchema = z.discriminatedUnion('type', [askSchema, reportSchema, adjustSchema]);
export type ClockMessage = z.infer<typeof clockMessageSchema>;
export type Ask = z.infer<typeof askSchema>;
export type Report = z.infer<typeof reportSchema>;
export type Adjust = z.infer<typeof adjustSchema>;

export function encodeClockMessage(message: ClockMessage): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** Undefined when it is no such message. */
export function decodeClockMessage(bytes: Uint8Array): ClockMessage | undefined {
  try {
    return clockMessageSchema.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
