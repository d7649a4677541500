import type { ReferenceSample, Unsubscribe } from './types.ts';

/** Who is told of samples, and the last one. */
export class SampleListeners {
  readonly #listeners = new Set<(sample: ReferenceSample) => void>();
  #last: ReferenceSample | undefined;

  get last(): ReferenceSample | undefined {
    return this.#last;
  }

  add(listener: (sample: ReferenceSample) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(sample: ReferenceSample): void {
    this.#last = sample;
    for (const listener of this.#listeners) listener(sample);
  }
}
