import type { Model, Operation } from './types.ts';

/** The definition, word for word: tries every order of every choice of the unknown ones. For histories of up to 7 operations. */
export function isLinearizableByDefinition<State, Input, Output>(
  model: Model<State, Input, Output>,
  operations: readonly Operation<Input, Output>[],
): boolean {
  const unknown = operations.filter(({ output }) => output === undefined);
  for (let chosen = 0; chosen < 2 ** unknown.length; chosen++) {
    const inEffect = operations.filter(
      (operation) => operation.output !== undefined || (chosen & (1 << unknown.indexOf(operation))) !== 0,
    );
    for (const order of permutations(inEffect)) if (keepsTime(order) && explains(model, order)) return true;
  }
  return false;
}

/** No operation stands behind one that began after it had returned. */
function keepsTime(order: readonly Operation<unknown, unknown>[]): boolean {
  return order.every((later, index) =>
    order.slice(0, index).every((earlier) => later.output === undefined || later.returnedAt >= earlier.invokedAt),
  );
}

function explains<State, Input, Output>(
  model: Model<State, Input, Output>,
  order: readonly Operation<Input, Output>[],
): boolean {
  let state: State | undefined = model.initial();
  for (const { input, output } of order) {
    state = model.step(state, input, output);
    if (state === undefined) return false;
  }
  return true;
}

function* permutations<Item>(items: readonly Item[]): Generator<Item[]> {
  if (items.length === 0) yield [];
  for (let first = 0; first < items.length; first++) {
    for (const rest of permutations(items.toSpliced(first, 1))) yield [items[first]!, ...rest];
  }
}
