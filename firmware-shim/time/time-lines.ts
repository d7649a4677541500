import { z } from 'zod';
import { PPM, shownAt } from '../../core/mesh-time/index.ts';
import { READING_LIMITS } from '../../core/wire/index.ts';

/*
 * What became known of the time in each life of the machine, so that a reading that was taken before its time was known can be stamped
 * later: it was stored with the life of the machine (the kernel's boot id) and the monotonic time in it.
 *
 * Each run of the shim adds one line when it is first synchronised: what mesh time is over the monotonic clock of that life. A reading is
 * stamped by the first line behind it. A life that ended before anybody told it the time has no line. When a later one gets
 * its first, those before it are settled as well as can be: they lie between the last time that was known before and the start of
 * the life after, and their last reading comes from just before the latter, unless the machine's own wall clock then said something that
 * lies between the two.
 *
 * The monotonic clock stands still while a machine sleeps, so a sleep between a reading and its line shows as an error of so long.
 *
 * All of that stays as it was first found, so that a reading that is published twice has the same stamp twice.
 */

export interface TimeLine {
  /** Monotonic ms of the machine, and what mesh time was then; its rate from there. */
  atMs: number;
  shownMs: number;
  rate: number;
  uncertaintyMs: number;
  growthPpm: number;
}

const lineSchema = z.object({
  ...{ atMs: z.number(), shownMs: z.number(), rate: z.number().min(0.99).max(1.01) },
  ...{ uncertaintyMs: z.number().min(0), growthPpm: z.number().min(0) },
});

const lifeSchema = z.object({
  id: z.string(),
  lines: z.array(lineSchema),
  /** Of its last reading that was stored without mesh time: monotonic ms, and what the wall clock said, if that was believable. */
  lastMs: z.number().optional(),
  lastWallMs: z.number().optional(),
  /** The last stamp that it gave by mesh time. */
  lastStampMs: z.number().optional(),
  /** Of a life without lines: when the machine started, by estimate, and what no stamp may lie beyond. */
  settled: z.object({ startMs: z.number(), untilMs: z.number() }).optional(),
});

export type Life = z.infer<typeof lifeSchema>;

/** In order, the present one last. */
export const livesSchema = z.array(lifeSchema);

/** What the newest record of the log says, when a shim starts. */
export type LastRecord =
  | { kind: 'unstamped'; life: string; monotonicMs: number; wallMs: number | undefined }
  | { kind: 'stamped'; stampMs: number };

const LIVES_MAX = 32;
const LINES_MAX = 16;
/** A stamp that may be wrong by more does not count as synchronised. */
export const SYNC_UNCERTAINTY_MS_MAX = 1_000;

/** The lives with the present one last; what the last record says is noted of its own. */
export function withPresent(lives: readonly Life[], present: string, last: LastRecord | undefined): Life[] {
  const known = lives.map((life) => ({ ...life }));
  if (last?.kind === 'unstamped' && !known.some(({ id }) => id === last.life)) known.push({ id: last.life, lines: [] });
  const of = last?.kind === 'unstamped' ? known.find(({ id }) => id === last.life) : known.at(-1);
  if (of !== undefined && last?.kind === 'stamped') of.lastStampMs = last.stampMs;
  if (of !== undefined && last?.kind === 'unstamped') {
    of.lastMs = last.monotonicMs;
    if (last.wallMs === undefined) delete of.lastWallMs;
    else of.lastWallMs = last.wallMs;
  }
  if (known.at(-1)?.id !== present) known.push({ id: present, lines: [] });
  return known.slice(-LIVES_MAX);
}

/** The lives with one more line of the present one; those before it that have none are settled by it. */
export function withLine(lives: readonly Life[], line: TimeLine): Life[] {
  const changed = lives.map((life) => ({ ...life }));
  const present = changed.at(-1) as Life;
  present.lines = [...present.lines, line].slice(-LINES_MAX);
  let untilMs = shownAt(present.lines[0] as TimeLine, 0);
  for (let at = changed.length - 2; at >= 0; at--) {
    const life = changed[at] as Life;
    if (life.lines.length > 0 || life.settled !== undefined) break;
    const startMs = startOf(life, lastKnownMs(changed.slice(0, at)), untilMs);
    life.settled = { startMs, untilMs };
    untilMs = Math.min(startMs, untilMs);
  }
  return changed;
}

/**
 * Mesh time of a moment of some life; undefined while nothing is known that would tell. Of the present life a line that lies
 * before the moment is not enough, since this run will add one that lies behind.
 */
export function momentIn(
  lives: readonly Life[],
  id: string,
  monotonicMs: number,
): { ms: number; isSynchronised: boolean } | undefined {
  const life = lives.findLast((one) => one.id === id);
  if (life === undefined) return undefined;
  const behind = life.lines.find(({ atMs }) => atMs >= monotonicMs);
  const line = behind ?? (life === lives.at(-1) ? undefined : life.lines.at(-1));
  if (line !== undefined) {
    const uncertaintyMs = line.uncertaintyMs + Math.abs(line.atMs - monotonicMs) * line.growthPpm * PPM;
    const isSynchronised = behind !== undefined && uncertaintyMs <= SYNC_UNCERTAINTY_MS_MAX;
    return { ms: shownAt(line, monotonicMs), isSynchronised };
  }
  if (life.settled === undefined) return undefined;
  return { ms: Math.min(life.settled.startMs + monotonicMs, life.settled.untilMs), isSynchronised: false };
}

function startOf({ lastMs = 0, lastWallMs }: Life, notBeforeMs: number | undefined, untilMs: number): number {
  const byWallMs = lastWallMs === undefined ? undefined : lastWallMs - lastMs;
  const earliestMs = notBeforeMs ?? READING_LIMITS.pastWallMs;
  if (byWallMs !== undefined && byWallMs >= earliestMs && byWallMs + lastMs <= untilMs) return byWallMs;
  return Math.max(notBeforeMs ?? Number.NEGATIVE_INFINITY, untilMs - lastMs);
}

/** The latest mesh time that is known of any of these lives. */
function lastKnownMs(lives: readonly Life[]): number | undefined {
  const known = lives.flatMap(({ lines, lastMs = 0, lastStampMs, settled }) => [
    ...lines.map((line) => shownAt(line, Math.max(line.atMs, lastMs))),
    ...(lastStampMs === undefined ? [] : [lastStampMs]),
    ...(settled === undefined ? [] : [Math.min(settled.startMs + lastMs, settled.untilMs)]),
  ]);
  return known.length === 0 ? undefined : Math.max(...known);
}
