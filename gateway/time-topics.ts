import type { TimeTopics } from './clock/index.ts';

type Listener = (payload: Uint8Array) => void;

export interface GatewayTopicsOptions {
  isUp: () => boolean;
  publish: (topic: string, payload: Uint8Array) => Promise<void>;
}

/** The messages about time that come and go with all others of a gateway's connection to its broker. */
export class GatewayTopics implements TimeTopics {
  readonly #options: GatewayTopicsOptions;
  readonly #listeners = new Map<string, Set<Listener>>();

  constructor(options: GatewayTopicsOptions) {
    this.#options = options;
  }

  publish(topic: string, payload: Uint8Array): boolean {
    if (!this.#options.isUp()) return false;
    // What is lost on the way is asked for again in the next round.
    this.#options.publish(topic, payload).catch(() => {});
    return true;
  }

  onMessage(topic: string, listener: Listener): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    this.#listeners.set(topic, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Whether anybody wanted it. */
  deliver(topic: string, payload: Uint8Array): boolean {
    const listeners = this.#listeners.get(topic);
    for (const listener of listeners ?? []) listener(payload);
    return listeners !== undefined;
  }
}
