/** What one client asked for and what it was told, between two instants of one common clock (or line numbers of a log). */
export interface Operation<Input, Output> {
  /** Who asked; for people who read a report. */
  process: string | number;
  input: Input;
  /**
   * Undefined when the client never learned: the operation may take effect at any time after invokedAt, or never. So no
   * answer may be undefined itself.
   */
  output: Output | undefined;
  invokedAt: number;
  /** Of an operation of unknown outcome it says nothing. Not before invokedAt. */
  returnedAt: number;
}

/** What a single copy, asked one thing at a time, would answer. */
export interface Model<State, Input, Output> {
  initial(): State;
  /**
   * The state after the operation, or undefined when it cannot have answered so. With an unknown output: the state after
   * it took effect; that it had none need not be said, the checker tries that too. States are never changed in place.
   */
  step(state: State, input: Input, output: Output | undefined): State | undefined;
  /** Whether an operation with that answer changes nothing, whatever the state was: a read, or a refused compare-and-set. */
  isObservation(input: Input, output: Output): boolean;
  /** The same for equal states, different for others. */
  fingerprint(state: State): string | number;
  /** Parts of the state that operations cannot see each other through, as the keys of a store; absent: all is one. */
  partition?(input: Input): string;
  /** One line for people, such as `put x = 3 -> ok`. */
  describe(input: Input, output: Output | undefined): string;
}

/** `unknown`: the search was given up. */
export type Verdict = 'linearizable' | 'not-linearizable' | 'unknown';

export interface CheckOptions {
  /** Steps of the model, over all partitions, after which the search is given up. Default 5,000,000, some 10 s. */
  stepsMax?: number;
}
