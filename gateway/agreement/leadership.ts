type Listener = (fencingToken: number | undefined) => void;

/** Who wants to know whether this gateway leads, and what they were told last. */
export class Leadership {
  readonly #listeners = new Set<Listener>();
  #token: number | undefined;

  listen(listener: Listener): () => void {
    this.#listeners.add(listener);
    if (this.#token !== undefined) listener(this.#token);
    return () => this.#listeners.delete(listener);
  }

  set(token: number | undefined): void {
    if (token === this.#token) return;
    // A term that follows one's own is another leadership: what was begun under the old one ends.
    if (token !== undefined && this.#token !== undefined) this.#tell(undefined);
    this.#tell(token);
  }

  #tell(token: number | undefined): void {
    this.#token = token;
    for (const listener of this.#listeners) listener(token);
  }
}
