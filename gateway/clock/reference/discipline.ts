/** What keeps the machine's wall clock, as its own program tells. */
export type Discipline =
  | {
      /** For a person: the program, and whom it follows. */
      source: string;
      /** Of the machine itself; undefined when the program does not tell. */
      stratum: number | undefined;
      /** The wall clock is within so much of UTC. */
      uncertaintyMs: number;
    }
  /** It is not kept, or nobody can say. */
  | { refused: string };
