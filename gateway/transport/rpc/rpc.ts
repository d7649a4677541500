import type { Logger } from 'pino';
import type { z } from 'zod';
import type { Random } from '../../../core/random/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { PeerId, Transport, Unsubscribe } from '../types.ts';
import { type CallOptions, RpcClient } from './client.ts';
import { newRpcCounters, type RpcCounters } from './counters.ts';
import { RPC_LIMITS, type RpcLimits } from './limits.ts';
import type { Method } from './method.ts';
import { type Handler, RpcServer } from './server.ts';
import { decodeRpc, RPC_CHANNEL } from './wire.ts';

export interface RpcOptions {
  transport: Transport;
  clock: Clock;
  /** Ids of requests come from it: no two lives of a gateway may draw the same. */
  random: Random;
  log: Logger;
  limits?: Partial<RpcLimits>;
}

/**
 * Typed calls between gateways over a transport: deadlines travel as the time that remains, giving up travels too, and what
 * is lost is sent again under the same request id, which the other end carries out once. It remembers that for
 * RpcLimits.answerAgeMsMax and while its process lives; what must hold for longer carries an id in the replicated log.
 */
export class Rpc {
  readonly #client: RpcClient;
  readonly #server: RpcServer;
  readonly #counters = newRpcCounters();
  readonly #subscriptions: Unsubscribe[];

  constructor({ transport, clock, random, log, limits: changes }: RpcOptions) {
    const limits = { ...RPC_LIMITS, ...changes };
    const counters = this.#counters;
    const send = (peer: PeerId, bytes: Buffer): boolean => transport.send(peer, RPC_CHANNEL, bytes);
    this.#client = new RpcClient({ clock, random, limits, counters, send });
    this.#server = new RpcServer({ clock, log, limits, counters, send });
    this.#subscriptions = [
      transport.onFrame(RPC_CHANNEL, (peer, bytes) => this.#onFrame(peer, bytes)),
      transport.onPeerUp((peer) => this.#client.onPeerUp(peer)),
    ];
  }

  /** One handler a method; a second one throws INTERNAL. */
  handle<Request extends z.ZodType, Reply extends z.ZodType>(
    method: Method<Request, Reply>,
    handler: Handler<Request, Reply>,
  ): Unsubscribe {
    return this.#server.handle(method, handler as Handler<z.ZodType, z.ZodType>);
  }

  /**
   * Rejects with RPC_UNREACHABLE when the request never left, RPC_TIMEOUT when it did and no answer came (it may have been
   * carried out), RPC_FAILED when either side of it does not fit or there is no room, or with the handler's coded error.
   */
  call<Request extends z.ZodType, Reply extends z.ZodType>(
    peer: PeerId,
    method: Method<Request, Reply>,
    request: z.input<Request>,
    options: CallOptions,
  ): Promise<z.output<Reply>> {
    return this.#client.call(peer, method, request, options);
  }

  counters(): RpcCounters {
    return { ...this.#counters };
  }

  /** Rejects the calls that wait, and cancels the handlers that run. Safe twice. */
  stop(): void {
    for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe();
    this.#client.stop();
    this.#server.stop();
  }

  #onFrame(peer: PeerId, bytes: Buffer): void {
    const frame = decodeRpc(bytes);
    switch (frame.type) {
      case 'request':
        this.#server.onRequest(peer, frame);
        return;
      case 'cancel':
        this.#server.onCancel(peer, frame.id);
        return;
      case 'busy':
        this.#client.onBusy(peer, frame);
        return;
      case 'reply':
      case 'error':
        this.#client.onAnswer(peer, frame);
        return;
    }
  }
}
