import { readFile } from 'node:fs/promises';
import { errnoOf, LatticeError, messageOf } from '../core/errors/index.ts';
import { writeFileAtomic } from '../core/files/index.ts';
import type { DurableLog } from '../core/log/index.ts';
import type { Random } from '../core/random/index.ts';

interface Boot {
  id: string;
  /** The first position of the log that is numbered under it, as 1. */
  fromPosition: number;
}

const LINE = /^([A-Za-z0-9_-]{1,32})(?: (\d{1,15}))?$/;

/**
 * Which boot id and sequence number a position of the log has. Both follow from the position alone, so that a reading that
 * is published again has the same bytes; and no two readings ever have both the same, or the gateways would take the later
 * one for a copy. Numbers go on for the life of the log, but when its end may have been lost (DurableLog.isTailCut), its
 * next positions may have been given before: from there on they count from 1 under a new id.
 */
export class Boots {
  /** In order of position; the first holds for everything below the second. */
  readonly #boots: readonly Boot[];

  constructor(boots: readonly Boot[]) {
    this.#boots = boots;
  }

  of(position: number): { boot: string; seq: number } {
    const { id, fromPosition } = this.#at(position);
    return { boot: id, seq: position - fromPosition + 1 };
  }

  /** The ranges of numbers, one for each id, that the positions from and to below have. */
  rangesOf(fromPosition: number, belowPosition: number): { boot: string; fromSeq: number; toSeq: number }[] {
    const ranges = [];
    for (let position = fromPosition; position < belowPosition; ) {
      const { boot, seq } = this.of(position);
      const next = this.#boots.find((other) => other.fromPosition > position)?.fromPosition ?? belowPosition;
      const end = Math.min(next, belowPosition);
      ranges.push({ boot, fromSeq: seq, toSeq: seq + end - position - 1 });
      position = end;
    }
    return ranges;
  }

  #at(position: number): Boot {
    return (this.#boots.findLast((boot) => boot.fromPosition <= position) ?? this.#boots[0]) as Boot;
  }
}

/**
 * Reads the file of boot ids, one in a line with its first position, and makes a new one durable when it has to begin: for
 * a log that is new, whose ids are lost, or whose end may be. Ids that no position from neededFrom on has are forgotten.
 * Rejects with DISK_FAILED.
 */
export async function openBoots(
  path: string,
  log: Pick<DurableLog, 'nextPosition' | 'isTailCut'>,
  neededFrom: number,
  random: Random,
): Promise<Boots> {
  const { nextPosition, isTailCut } = log;
  const known = nextPosition === 0 ? [] : await readBoots(path);
  // One that would begin only now may have begun before, with records that are gone.
  const kept = known.filter((boot) => boot.fromPosition < nextPosition || !isTailCut);
  const isNew = isTailCut || kept.length === 0;
  const all = isNew ? [...kept, { id: newId(random), fromPosition: kept.length === 0 ? 0 : nextPosition }] : kept;
  const needed = all.filter((_, index) => (all[index + 1]?.fromPosition ?? Number.POSITIVE_INFINITY) > neededFrom);
  if (isNew || needed.length < known.length) {
    try {
      await writeFileAtomic(path, needed.map(({ id, fromPosition }) => `${id} ${fromPosition}\n`).join(''));
    } catch (error) {
      throw new LatticeError('DISK_FAILED', `${path}: ${messageOf(error)}.`, { cause: error });
    }
  }
  return new Boots(needed);
}

async function readBoots(path: string): Promise<Boot[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw new LatticeError('DISK_FAILED', `${path}: ${messageOf(error)}.`, { cause: error });
  }
  const boots = text
    .trim()
    .split('\n')
    .map((line) => LINE.exec(line.trim()))
    .map((match) => (match === null ? undefined : { id: match[1] as string, fromPosition: Number(match[2] ?? 0) }));
  const isWhole = boots.every((boot, index) => {
    const before = boots[index - 1];
    return boot !== undefined && (before === undefined || before.fromPosition < boot.fromPosition);
  });
  return isWhole ? (boots as Boot[]) : [];
}

function newId(random: Random): string {
  const part = (): string =>
    random
      .below(2 ** 32)
      .toString(36)
      .padStart(7, '0');
  return part() + part();
}
