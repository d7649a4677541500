const TOPICS_MAX = 10_000;

/**
 * Messages of QoS 0 that stand in the journal (retained ones do) cross with it, the others beside it. Those of one topic and QoS
 * keep their order [MQTT-4.6.0-6], so what follows one in the journal has to go there too, until the others have that one.
 */
export class FollowedTopics {
  readonly #haveAll: (until: number) => boolean;
  readonly #positions = new Map<string, number>();

  /** `haveAll`: whether every broker that can be reached has the journal below a position. */
  constructor(haveAll: (until: number) => boolean) {
    this.#haveAll = haveAll;
  }

  /** A message of QoS 0 stands in the journal at a position. */
  note(topic: string, position: number): void {
    this.#positions.delete(topic);
    if (this.#positions.size >= TOPICS_MAX) this.#forgetOldest();
    this.#positions.set(topic, position);
  }

  /** Whether the next message of the topic has to go into the journal. */
  has(topic: string): boolean {
    if (this.#positions.size === 0) return false;
    const position = this.#positions.get(topic);
    if (position === undefined) return false;
    if (!this.#haveAll(position + 1)) return true;
    this.#positions.delete(topic);
    return false;
  }

  #forgetOldest(): void {
    const [oldest] = this.#positions.keys();
    if (oldest !== undefined) this.#positions.delete(oldest);
  }
}
