import { type Endpoints, saveEndpoints } from './endpoints.ts';

export interface EndpointsFileOptions {
  dataDir: string;
  /** What is to be saved, asked for when its turn has come. */
  endpoints: () => Endpoints;
  onFailed: (error: unknown) => void;
}

/** Keeps the saved endpoints up to date: one write at a time, and a disk that is full is told and ends nothing. */
export class EndpointsFile {
  readonly #options: EndpointsFileOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: EndpointsFileOptions) {
    this.#options = options;
  }

  /** Resolves when the file is as the endpoints are, or onFailed was called. Never rejects. */
  save(): Promise<void> {
    this.#last = this.#last.then(async () => {
      try {
        await saveEndpoints(this.#options.dataDir, this.#options.endpoints());
      } catch (error) {
        this.#options.onFailed(error);
      }
    });
    return this.#last;
  }
}
