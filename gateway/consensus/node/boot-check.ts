import { z } from 'zod';

/*
 * A member whose disk is empty is either at the beginning of its group, or has lost its disk. In the latter case it may have voted
 * and acknowledged entries that it knows nothing of, so it must not take part as who it was. The others remember which disk
 * each member has had: a disk gets a name when it is first used, and the name is agreed on.
 */
export const bootQuestionSchema = z.strictObject({ kind: z.literal('boot-question'), disk: z.string().min(1).max(64) });

export const bootAnswerSchema = z.strictObject({
  kind: z.literal('boot-answer'),
  /** Whether the one who answers takes part in the group already. */
  hasBegun: z.boolean(),
  /** The disk that it knows the asker by, if it knows one. */
  knownDisk: z.string().optional(),
});

export const bootFrameSchema = z.discriminatedUnion('kind', [bootQuestionSchema, bootAnswerSchema]);
export type BootAnswer = z.infer<typeof bootAnswerSchema>;

export type BootVerdict = 'wait' | 'begin' | { lostDisk: string };

/** What the answers of so far let a member with an empty disk do; `members` are those that the group begins with. */
export function bootVerdict(answers: Iterable<BootAnswer>, disk: string, members: number): BootVerdict {
  let count = 1;
  for (const { knownDisk } of answers) {
    if (knownDisk !== undefined && knownDisk !== disk) return { lostDisk: knownDisk };
    count += 1;
  }
  return count > members / 2 ? 'begin' : 'wait';
}
