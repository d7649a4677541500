import type { FollowerNote } from '../mesh-time/index.ts';

type Say = (fields: object, text: string) => void;

const TEXTS = {
  synchronised: ['info', 'synchronised with the mesh'],
  setForwards: ['warn', 'the clock was far behind the mesh, and was set forwards'],
  silent: ['warn', 'nobody tells the time of the mesh'],
  heardAgain: ['info', 'the time of the mesh is told again'],
} as const satisfies Record<FollowerNote['kind'], [string, string]>;

/** Writes what happened to a follower into a log. */
export function logNote(log: { info: Say; warn: Say }, { kind, ...fields }: FollowerNote): void {
  const [level, text] = TEXTS[kind];
  log[level](fields, text);
}
