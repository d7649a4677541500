import { encodeReading, READING_LIMITS, type Reading, type TimeQuality } from '../../core/wire/index.ts';
import type { LastRecord } from './time-lines.ts';

/*
 * A record of the log is the payload of a reading without what its place in the log says. One that was taken before its time was
 * known begins with where it lies in the life of the machine:
 *
 *     {"@":["a1b2c3d4e5f6",8123.5],"ts":1763800000000,"tq":"est","temperature":21.5}
 *
 * The other fields are then what the wall clock said, which stands if nothing better is ever heard. No metric can be called `@`, and it
 * is taken out before anything is published.
 */

export interface Moment {
  life: string;
  /** Monotonic ms of the machine. */
  monotonicMs: number;
}

export interface Stamp {
  tsMs: number | undefined;
  timeQuality: TimeQuality;
  /** Given when the stamp is only what the wall clock said. */
  moment?: Moment;
}

const US_PER_MS = 1_000;
const UNSTAMPED = /^\{"@":\["([0-9a-z-]{1,36})",(\d{1,13}(?:\.\d{1,3})?)\],/;
const STAMP = /^\{(?:"ts":(\d{1,15}),)?"tq":"(sync|est|none)"/;

export function encodeRecord(metrics: Reading['metrics'], { moment, ...stamp }: Stamp): Buffer {
  const payload = encodeReading({ ...stamp, seq: undefined, boot: undefined, metrics });
  if (moment === undefined) return Buffer.from(payload);
  // Cut off and not rounded, so that it does not come to lie behind what is learnt in the same moment.
  const monotonicMs = Math.floor(Math.max(0, moment.monotonicMs) * US_PER_MS) / US_PER_MS;
  return Buffer.from(`{"@":${JSON.stringify([moment.life, monotonicMs])},${payload.slice(1)}`);
}

/** The moment of a record that is still to be stamped; undefined when its stamp is final. */
export function momentOf(record: string): Moment | undefined {
  const match = UNSTAMPED.exec(record);
  return match === null ? undefined : { life: match[1] as string, monotonicMs: Number(match[2]) };
}

/** The record as it is published when nothing better is known. */
export function asItStands(record: string): string {
  return record.replace(UNSTAMPED, '{');
}

/** The record with another stamp. */
export function restamped(record: string, tsMs: number, timeQuality: 'sync' | 'est'): string {
  return asItStands(record).replace(STAMP, `{"ts":${tsMs},"tq":"${timeQuality}"`);
}

/** The stamp of a record that was given by mesh time. */
export function meshStampOf(record: string): number | undefined {
  const match = STAMP.exec(record);
  return match?.[1] !== undefined && match[2] === 'sync' ? Number(match[1]) : undefined;
}

/** What a shim that starts learns from the newest record; undefined when its stamp came from elsewhere. */
export function lastRecordOf(record: string): LastRecord | undefined {
  const moment = momentOf(record);
  if (moment === undefined) {
    const stampMs = meshStampOf(record);
    return stampMs === undefined ? undefined : { kind: 'stamped', stampMs };
  }
  const wallMs = Number(STAMP.exec(asItStands(record))?.[1]);
  const isBelievable = wallMs >= READING_LIMITS.pastWallMs;
  return { kind: 'unstamped', ...moment, wallMs: isBelievable ? wallMs : undefined };
}
