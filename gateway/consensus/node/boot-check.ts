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
  /** Id of the asker as of the one who answers, if it is a member. */
  memberId: z.int().min(1).optional(),
  /** The disk that it knows the asker by, if it knows one. */
  knownDisk: z.string().optional(),
});

export const bootFrameSchema = z.discriminatedUnion('kind', [bootQuestionSchema, bootAnswerSchema]);
export type BootAnswer = z.infer<typeof bootAnswerSchema>;

/** `join`: the group has removed the asker, which can only be taken in anew, as another member. */
export type BootVerdict = 'wait' | 'begin' | 'join' | { lostDisk: string };

/** What the answers of so far let a member with an empty disk do, which the configuration gives that id; `members` are as many as the group begins with. */
export function bootVerdict(
  answers: Iterable<BootAnswer>,
  { disk, id, members }: { disk: string; id: number; members: number },
): BootVerdict {
  let count = 1;
  for (const { knownDisk, hasBegun, memberId } of answers) {
    if (hasBegun && memberId !== id) return 'join';
    if (knownDisk !== undefined && knownDisk !== disk) return { lostDisk: knownDisk };
    count += 1;
  }
  return count > members / 2 ? 'begin' : 'wait';
}
