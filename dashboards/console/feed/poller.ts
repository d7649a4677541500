import { basicAuthHeader } from '../../../core/identity/index.ts';
import { type Clock, repeat, type Timer } from '../../../core/time/index.ts';
import { type GatewayStatus, gatewayStatusSchema } from '../../../core/wire/index.ts';
import type { StoreReader } from './store.ts';

const POLL_MS = 2_000;
const STATUS_TIMEOUT_MS = 1_500;

export interface PollerEvents {
  /** undefined: the gateway did not answer, or not with a status. */
  gateway(id: string, status: GatewayStatus | undefined): void;
  store(up: boolean, roundTripMs: number | null): void;
}

/** Asks every gateway for its status and the store for a sign of life, over and over. */
export class Poller {
  readonly #options: {
    clock: Clock;
    gateways: readonly { id: string; http: string }[];
    store: StoreReader;
    password: string;
    events: PollerEvents;
  };
  readonly #aborter = new AbortController();
  #timer: Timer | undefined;

  constructor(options: {
    clock: Clock;
    gateways: readonly { id: string; http: string }[];
    store: StoreReader;
    password: string;
    events: PollerEvents;
  }) {
    this.#options = options;
  }

  start(): void {
    void this.#poll();
    this.#timer = repeat(this.#options.clock, POLL_MS, () => this.#poll());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#aborter.abort();
  }

  async #poll(): Promise<void> {
    await Promise.all([this.#pollStore(), ...this.#options.gateways.map((gateway) => this.#pollGateway(gateway))]);
  }

  async #pollStore(): Promise<void> {
    const { clock, store, events } = this.#options;
    const startMs = clock.monotonicMs();
    const up = await store.ping(this.#aborter.signal);
    if (!this.#aborter.signal.aborted) events.store(up, up ? clock.monotonicMs() - startMs : null);
  }

  async #pollGateway({ id, http }: { id: string; http: string }): Promise<void> {
    const status = await this.#status(http).catch(() => undefined);
    if (!this.#aborter.signal.aborted) this.#options.events.gateway(id, status);
  }

  async #status(http: string): Promise<GatewayStatus> {
    const response = await fetch(new URL('/status', http), {
      headers: { authorization: basicAuthHeader('console', this.#options.password) },
      signal: AbortSignal.any([this.#aborter.signal, AbortSignal.timeout(STATUS_TIMEOUT_MS)]),
    });
    return gatewayStatusSchema.parse(await response.json());
  }
}
