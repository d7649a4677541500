import { type SearchResult, search } from './search.ts';
import type { CheckOptions, Model, Operation, Verdict } from './types.ts';

const STEPS_MAX = 5_000_000;
const FIRST_STEPS = 10_000;

interface Checked<Input, Output> extends SearchResult {
  part: string;
  operations: readonly Operation<Input, Output>[];
}

/**
 * Whether one order of the operations explains every answer, each taking effect at one instant between its call and its
 * return (Herlihy and Wing 1990). By their theorem of locality the parts of a partition can be judged one by one.
 */
export function checkHistory<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  options: CheckOptions = {},
): Verdict {
  return checkParts(model, operations, options).verdict;
}

/** The verdict, and for people the longest order that was found of the part that fails, with an operation that does not fit. */
export function explainHistory<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  options: CheckOptions & { linesMax?: number } = {},
): string {
  const { verdict, culprit } = checkParts(model, operations, options);
  if (culprit === undefined) return verdict;
  const line = (index: number): string => {
    const { process, input, output, invokedAt, returnedAt } = culprit.operations[index]!;
    const span = `[${invokedAt}, ${output === undefined ? '?' : returnedAt}]`;
    return `  ${span.padEnd(24)} process ${process}: ${model.describe(input, output)}`;
  };
  const { linesMax = 40 } = options;
  const hidden = Math.max(0, culprit.longest.length - linesMax);
  return [
    `${verdict}${model.partition === undefined ? '' : `: part ${culprit.part}`}, ${culprit.operations.length} operations`,
    `the longest order that explains the answers has ${culprit.longest.length} of them:`,
    ...(hidden === 0 ? [] : [`  (${hidden} before)`]),
    ...culprit.longest.slice(hidden).map(line),
    ...(culprit.stuck === undefined
      ? []
      : ['and this one, which had to come next at the latest, does not fit:', line(culprit.stuck)]),
  ].join('\n');
}

/**
 * One wrong part decides, and some parts take a million times as long as others: so all are searched a little, then those
 * that are still open ten times as far, and so on.
 */
function checkParts<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  { stepsMax = STEPS_MAX }: CheckOptions,
): { verdict: Verdict; culprit?: Checked<Input, Output> } {
  const inOrder = operations.toSorted((one, other) => one.invokedAt - other.invokedAt);
  let open = [...Map.groupBy(inOrder, ({ input }) => model.partition?.(input) ?? '')];
  let stepsLeft = stepsMax;
  for (let stepsEach = FIRST_STEPS; open.length > 0; stepsEach *= 10) {
    const undecided: typeof open = [];
    for (const [part, members] of open) {
      const result = search(model, members, Math.min(stepsEach, stepsLeft));
      const { verdict } = result;
      stepsLeft -= result.steps;
      if (verdict === 'not-linearizable' || (verdict === 'unknown' && stepsLeft <= 0)) {
        return { verdict, culprit: { part, operations: members, ...result } };
      }
      if (verdict === 'unknown') undecided.push([part, members]);
    }
    open = undecided;
  }
  return { verdict: 'linearizable' };
}
