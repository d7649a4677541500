import type { FollowedClock } from '../../core/mesh-clock/index.ts';
import type { Clock } from '../../core/time/index.ts';
import { READING_LIMITS } from '../../core/wire/index.ts';
import { asItStands, type Moment, meshStampOf, momentOf, restamped, type Stamp } from './record.ts';
import { type Life, momentIn, SYNC_UNCERTAINTY_MS_MAX, withLine } from './time-lines.ts';

export interface StampsOptions {
  /** The machine's. */
  clock: Clock;
  /** What follows the mesh; undefined when the system's clock is taken as it is. */
  mesh: FollowedClock | undefined;
  /** Id of the present life of the machine. */
  life: string;
  lives: Life[];
  /** The last stamp that was given by mesh time, as the log has it. */
  lastStampMs: number | undefined;
}

/**
 * Two clocks that follow the mesh, one of each run, may differ by a little, and readings keep their order all the same. When they
 * differ by more, somebody has set the mesh's time, and the new one holds.
 */
const ORDER_MS_MAX = 1_000;

/**
 * The stamps of readings: by mesh time when they are taken, if it is known then. If not they are stored with the moment in the life of
 * the machine, and stamped when they are published: that waits until mesh time is known, or until `giveUp`.
 */
export class Stamps {
  readonly #options: StampsOptions;
  #lives: Life[];
  #isWaiting = true;
  /** No stamp by mesh time lies before these: of what is recorded, and of what is published. */
  #recordedMs: number;
  #publishedMs: number;
  #changed = Promise.withResolvers<void>();

  constructor(options: StampsOptions) {
    this.#options = options;
    this.#lives = options.lives;
    this.#recordedMs = options.lastStampMs ?? Number.NEGATIVE_INFINITY;
    this.#publishedMs = this.#recordedMs;
  }

  /** What is known of the time as of now, for a reading that has no stamp of its own. */
  now(): Stamp {
    const { clock, mesh, life } = this.#options;
    if (mesh?.isSynchronised) {
      const { ms, uncertaintyMs } = mesh.now();
      this.#recordedMs = inOrder(Math.round(ms), this.#recordedMs);
      const timeQuality = uncertaintyMs <= SYNC_UNCERTAINTY_MS_MAX ? 'sync' : 'est';
      return { tsMs: this.#recordedMs, timeQuality };
    }
    const stamp = byWall(clock.wallMs());
    const moment: Moment = { life, monotonicMs: clock.monotonicMs() };
    return mesh === undefined ? stamp : { ...stamp, moment };
  }

  /** The latest that it may be now, for stamps that others have given. */
  latestMs(): number {
    const { clock, mesh } = this.#options;
    if (mesh?.isSynchronised) return mesh.wallMs();
    const wallMs = clock.wallMs();
    // A clock that knows it is wrong is no judge of others.
    return wallMs < READING_LIMITS.pastWallMs ? Number.MAX_SAFE_INTEGER : wallMs;
  }

  /** What is known of the time once this run is first synchronised: to be made durable, and adopted then. */
  withFirstLine({ slewed }: FollowedClock): Life[] {
    const { target, quality } = slewed;
    const { uncertaintyMs, growthPpm } = quality;
    return withLine(this.#lives, { ...target, uncertaintyMs, growthPpm });
  }

  /** Stamps by these from now on; who waits looks again. */
  adopt(lives: Life[]): void {
    this.#lives = lives;
    this.#wake();
  }

  /** Publishes what waits as it stands. */
  giveUp(): void {
    this.#isWaiting = false;
    this.#wake();
  }

  /** Resolves when more is known, or at the signal. */
  async changed(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<void>();
    const onAbort = (): void => aborted.resolve();
    if (signal.aborted) return;
    signal.addEventListener('abort', onAbort, { once: true });
    await Promise.race([this.#changed.promise, aborted.promise]);
    signal.removeEventListener('abort', onAbort);
  }

  /** The record with the stamp that it is published with; undefined while it has to wait for one. */
  published(record: string): string | undefined {
    const moment = momentOf(record);
    if (moment === undefined) {
      this.#publishedMs = Math.max(this.#publishedMs, meshStampOf(record) ?? Number.NEGATIVE_INFINITY);
      return record;
    }
    const found = momentIn(this.#lives, moment.life, moment.monotonicMs);
    if (found === undefined) return this.#canBeFound(moment) ? undefined : asItStands(record);
    this.#publishedMs = inOrder(Math.round(found.ms), this.#publishedMs);
    return restamped(record, this.#publishedMs, found.isSynchronised ? 'sync' : 'est');
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  #canBeFound({ life }: Moment): boolean {
    const isKnown = this.#lives.some(({ id }) => id === life);
    return this.#isWaiting && isKnown && this.#options.mesh !== undefined;
  }
}

function inOrder(stampMs: number, lastMs: number): number {
  return stampMs < lastMs && lastMs - stampMs <= ORDER_MS_MAX ? lastMs : stampMs;
}

/** A machine without a clock of its own starts in 1970; no stamp is better than that one. */
function byWall(wallMs: number): Stamp {
  if (wallMs < READING_LIMITS.pastWallMs) return { tsMs: undefined, timeQuality: 'none' };
  // The system's clock is taken as it is: nobody here knows whether something disciplines it.
  return { tsMs: Math.round(wallMs), timeQuality: 'est' };
}
