import type { BrokerHealth } from '../core/wire/index.ts';

const ROOT = '$SYS/lattice';

/**
 * What a broker tells of itself under `$SYS/lattice/`, each as JSON: `broker`, `links/{peer}`, `streams/{to}` and
 * `bridges/{id}`. What is no more is told once with an empty payload.
 */
export class SystemTopics {
  readonly #publish: (topic: string, payload: Buffer) => void;
  #told = new Set<string>();

  constructor(publish: (topic: string, payload: Buffer) => void) {
    this.#publish = publish;
  }

  tell({ links, streams, bridges, ...broker }: BrokerHealth): void {
    const values = new Map<string, unknown>([
      [`${ROOT}/broker`, broker],
      ...links.map((link) => [`${ROOT}/links/${link.peer}`, link] as const),
      ...streams.map((stream) => [`${ROOT}/streams/${stream.to}`, stream] as const),
      ...bridges.map((bridge) => [`${ROOT}/bridges/${bridge.id}`, bridge] as const),
    ]);
    for (const topic of this.#told) if (!values.has(topic)) this.#publish(topic, Buffer.alloc(0));
    for (const [topic, value] of values) this.#publish(topic, Buffer.from(JSON.stringify(value)));
    this.#told = new Set(values.keys());
  }
}
