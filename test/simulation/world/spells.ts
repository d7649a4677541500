/** Troubles of one kind that come and go, and may overlap: the worst of those that are present counts. */
export class Spells {
  readonly #active: number[] = [];
  #current = 0;

  /** 0 while there is none. */
  get current(): number {
    return this.#current;
  }

  /** Returns what ends it. */
  begin(severity: number): () => void {
    this.#active.push(severity);
    this.#current = Math.max(...this.#active);
    return () => {
      this.#active.splice(this.#active.indexOf(severity), 1);
      this.#current = Math.max(0, ...this.#active);
    };
  }
}
