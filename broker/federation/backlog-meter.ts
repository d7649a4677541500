import { isPrivate } from './batch.ts';
import type { FederationPort } from './port.ts';

const READ_BYTES = 256 * 1024;

/**
 * Counts what waits in the journal for a peer that is away. Most records of a journal are no messages of local clients, so
 * the distance of two positions would say too much; each record is looked at once, and none is kept.
 */
export class BacklogMeter {
  readonly #port: FederationPort;
  #position = 0;
  #messages = 0;
  #isReading = false;

  constructor(port: FederationPort) {
    this.#port = port;
  }

  get messages(): number {
    return this.#messages;
  }

  /** Begins again from a position. */
  restart(position: number): void {
    this.#position = position;
    this.#messages = 0;
  }

  /** Counts what is new. Rejects as the journal does. */
  async catchUp(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      const { journal } = this.#port;
      while (this.#position < journal.durablePosition) {
        const from = this.#position;
        const end = journal.durablePosition;
        const records = await journal.read(from, READ_BYTES);
        // Begun again meanwhile: what was read belongs to the count before.
        if (this.#position !== from) continue;
        for (const { payload } of records) {
          const message = this.#port.messageOf(payload);
          if (message !== undefined && !isPrivate(message.topic)) this.#messages += 1;
        }
        this.#position = (records.at(-1)?.position ?? end - 1) + 1;
      }
    } finally {
      this.#isReading = false;
    }
  }
}
