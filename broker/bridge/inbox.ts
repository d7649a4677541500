import { topicFault } from '../access/index.ts';
import type { EchoMemory, LoopBreaker } from './loop-guard.ts';
import { HOPS_MAX } from './path.ts';
import type { BridgeCounters, BridgePort } from './port.ts';
import type { Routes } from './routes.ts';

/** A message as it came from the other broker. */
export interface InMessage {
  topic: string;
  payload: Buffer;
  qos: 0 | 1 | 2;
  retain: boolean;
  path: readonly string[];
}

export interface InboxOptions {
  clientId: string;
  port: BridgePort;
  routes: Routes;
  breaker: LoopBreaker;
  counters: BridgeCounters;
  monotonicMs: () => number;
}

/** Takes what the other broker sends, unless it has been here before. */
export class Inbox {
  readonly #options: InboxOptions;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Resolves when the message may be acknowledged: it is durable here, or of no use here. Rejects when the disk does not take it. */
  async take({ topic: remoteTopic, ...rest }: InMessage, echoes: EchoMemory | undefined): Promise<void> {
    const { clientId, port, routes, breaker, counters, monotonicMs } = this.#options;
    const topic = routes.toLocal(remoteTopic);
    if (topic === undefined || topic.startsWith('$') || topicFault(topic) !== undefined || this.#isTooLarge(rest)) {
      counters.invalid += 1;
      return;
    }
    const { path, payload } = rest;
    const hasBeenHere = path.includes(port.nodeName()) || path.length >= HOPS_MAX;
    if (hasBeenHere || echoes?.isEcho(remoteTopic, payload, monotonicMs())) {
      counters.loop += 1;
      return;
    }
    breaker.cameIn(topic, payload, monotonicMs());
    await port.publish(clientId, { ...rest, topic });
    counters.received += 1;
  }

  #isTooLarge({ payload }: { payload: Buffer }): boolean {
    return payload.length > this.#options.port.packetBytesMax;
  }
}
