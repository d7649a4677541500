import { z } from 'zod';

/*
 * What transactions write into the groups, as JSON. Each record names the participants, so that whoever finds one can
 * settle the transaction or see that it is settled.
 */

const outcomeSchema = z.enum(['commit', 'abort']);
const participantsSchema = z.array(z.string()).min(1);

/** Which register holds the decision: a key in the group of one site, or a Paxos register over several. */
const decisionPlaceSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('two-phase'), coordinator: z.string() }),
  z.object({ kind: z.literal('paxos'), acceptors: participantsSchema }),
]);

const changeOperationSchema = z.discriminatedUnion('op', [
  z.object({ op: z.literal('put'), key: z.string(), value: z.string() }),
  z.object({ op: z.literal('delete'), key: z.string() }),
]);

export const preparedSchema = z.object({
  participants: participantsSchema,
  decision: decisionPlaceSchema,
  /** How long whoever sees this record waits for the coordinator before it has the transaction decided. */
  decideWithinMs: z.number().positive(),
  operations: z.array(changeOperationSchema),
  lockedKeys: z.array(z.string()),
});

/** The value of a decision, and of the marker that a site is done. */
export const outcomeRecordSchema = z.object({ outcome: outcomeSchema, participants: participantsSchema });

/** Ballots are ordered by round, then by proposer; a proposer never uses one twice. */
const ballotSchema = z.object({ round: z.number().int().min(0), proposer: z.string() });

export const registerSchema = z.object({
  promised: ballotSchema,
  accepted: z.object({ ballot: ballotSchema, outcome: outcomeSchema }).optional(),
  participants: participantsSchema,
});

export type Outcome = z.infer<typeof outcomeSchema>;
export type DecisionPlace = z.infer<typeof decisionPlaceSchema>;
/** Leases are left out on purpose: one that ended between prepare and commit would leave the commit impossible. */
export type ChangeOperation = z.infer<typeof changeOperationSchema>;
export type Prepared = z.infer<typeof preparedSchema>;
export type OutcomeRecord = z.infer<typeof outcomeRecordSchema>;
export type Ballot = z.infer<typeof ballotSchema>;
export type Register = z.infer<typeof registerSchema>;

export function compareBallots(one: Ballot, other: Ballot): number {
  if (one.round !== other.round) return one.round - other.round;
  return one.proposer < other.proposer ? -1 : one.proposer > other.proposer ? 1 : 0;
}
