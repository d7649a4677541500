import type { Logger } from 'pino';
import type { Random } from '../../core/random/index.ts';
import type { Clock } from '../../core/time/index.ts';
import type { BridgeState } from '../../core/wire/index.ts';
import { Bridge } from './bridge.ts';
import type { BridgeConfig } from './config.ts';
import { LoopBreaker } from './loop-guard.ts';
import type { BridgePort } from './port.ts';

export interface BridgesOptions {
  configs: readonly BridgeConfig[];
  port: BridgePort;
  clock: Clock;
  random: Random;
  log: Logger;
}

/** All bridges of one broker. */
export class Bridges {
  readonly #port: BridgePort;
  readonly #bridges: readonly Bridge[];

  constructor({ configs, port, clock, random, log }: BridgesOptions) {
    this.#port = port;
    const breaker = new LoopBreaker();
    this.#bridges = configs.map((config) => {
      return new Bridge({ config, port, breaker, clock, random: random.fork(`bridge-${config.id}`), log });
    });
  }

  /** Subscribes the bridges, before clients may publish, and lets them connect. Rejects when the disk does not take it. */
  async start(): Promise<void> {
    await this.#port.endSessionsExcept(this.#bridges.map(({ sessionId }) => sessionId));
    for (const bridge of this.#bridges) await bridge.open();
    for (const bridge of this.#bridges) bridge.start();
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    await Promise.all(this.#bridges.map((bridge) => bridge.stop()));
  }

  states(): BridgeState[] {
    return this.#bridges.map((bridge) => bridge.state());
  }
}
