import type { Logger } from 'pino';
import { z } from 'zod';
import { LatticeError } from '../../../core/errors/index.ts';
import type { Clock } from '../../../core/time/index.ts';
import type { PeerId } from '../types.ts';
import { Answers } from './answers.ts';
import type { RpcCounters } from './counters.ts';
import type { RpcLimits } from './limits.ts';
import type { Method } from './method.ts';
import { type AnswerFrame, encodeRpc, errorFrame, type RequestFrame, type RpcFrame } from './wire.ts';

export interface CallContext {
  /** Who asks; proven by the transport. */
  peer: PeerId;
  requestId: string;
  /** Milliseconds that the caller still waited when the request came. */
  remainingMs: number;
  /** Aborted at the deadline, and when the caller gives up. */
  signal: AbortSignal;
}

/** What it rejects with goes to the caller: a LatticeError with its code, anything else as RPC_FAILED. */
export type Handler<Request extends z.ZodType, Reply extends z.ZodType> = (
  request: z.output<Request>,
  context: CallContext,
) => Promise<z.input<Reply>> | z.input<Reply>;

export interface RpcServerOptions {
  clock: Clock;
  log: Logger;
  limits: RpcLimits;
  counters: RpcCounters;
  send: (peer: PeerId, bytes: Buffer) => void;
}

interface Running {
  method: string;
  cancel: () => void;
}

interface Caller {
  running: Map<string, Running>;
  answers: Answers;
}

/**
 * Carries out what peers ask, each request id of a peer once: a request that comes again joins the one under way, or gets the
 * answer that there was. A handler that was cancelled and rejects has done nothing: its request may be carried out anew.
 */
export class RpcServer {
  readonly #options: RpcServerOptions;
  readonly #methods = new Map<string, { method: Method; handler: Handler<z.ZodType, z.ZodType> }>();
  readonly #callers = new Map<PeerId, Caller>();

  constructor(options: RpcServerOptions) {
    this.#options = options;
  }

  handle(method: Method, handler: Handler<z.ZodType, z.ZodType>): () => void {
    if (this.#methods.has(method.name)) {
      throw new LatticeError('INTERNAL', `The method ${method.name} has a handler already.`);
    }
    this.#methods.set(method.name, { method, handler });
    return () => this.#methods.delete(method.name);
  }

  onRequest(peer: PeerId, frame: RequestFrame): void {
    const { counters, limits } = this.#options;
    const { id } = frame;
    const caller = this.#callerOf(peer);
    for (const finished of frame.finished) caller.answers.drop(finished);
    const running = caller.running.get(id);
    const kept = caller.answers.of(id);
    const methodBefore = running?.method ?? kept?.method;
    if (methodBefore !== undefined && methodBefore !== frame.method) {
      const text = `The request id ${id} was used for ${methodBefore} before.`;
      this.#send(peer, errorFrame(id, new LatticeError('RPC_FAILED', text)));
    } else if (running !== undefined) {
      counters.requestsJoined += 1;
    } else if (kept !== undefined) {
      counters.requestsReplayed += 1;
      this.#options.send(peer, kept.answer);
    } else if (caller.running.size >= limits.runningPerPeerMax) {
      counters.busyRunning += 1;
      this.#send(peer, { type: 'busy', id, message: `${limits.runningPerPeerMax} requests are under way.` });
    } else if (!caller.answers.hasRoom(caller.running.size)) {
      counters.busyAnswers += 1;
      this.#send(peer, { type: 'busy', id, message: 'Too many answers wait to be confirmed.' });
    } else {
      void this.#run(peer, caller, frame);
    }
  }

  onCancel(peer: PeerId, id: string): void {
    this.#callers.get(peer)?.running.get(id)?.cancel();
  }

  /** Cancels whatever runs. */
  stop(): void {
    for (const { running } of this.#callers.values()) for (const each of running.values()) each.cancel();
  }

  async #run(peer: PeerId, caller: Caller, frame: RequestFrame): Promise<void> {
    const { clock, counters } = this.#options;
    const { id, method, remainingMs } = frame;
    const abort = new AbortController();
    const cancel = (): void => {
      if (!abort.signal.aborted) counters.handlersCancelled += 1;
      abort.abort(new LatticeError('RPC_TIMEOUT', 'The caller does not wait any more.'));
    };
    const deadline = clock.setTimer(remainingMs, cancel);
    caller.running.set(id, { method, cancel });
    counters.requestsHandled += 1;
    const answer = await this.#answer(frame, { peer, requestId: id, remainingMs, signal: abort.signal });
    deadline.cancel();
    caller.running.delete(id);
    // Nobody waits for it; and when the same request comes again, it is to be tried again.
    if (abort.signal.aborted && answer.type === 'error') return;
    const bytes = encoded(answer);
    caller.answers.keep(id, method, bytes);
    this.#options.send(peer, bytes);
  }

  async #answer(frame: RequestFrame, context: CallContext): Promise<AnswerFrame> {
    const { id } = frame;
    try {
      const known = this.#methods.get(frame.method);
      if (known === undefined) throw new LatticeError('RPC_FAILED', `There is no method ${frame.method} here.`);
      const request = known.method.request.safeParse(frame.body);
      if (!request.success) throw misfit(`The request to ${frame.method}`, request.error);
      const reply = await known.handler(request.data, context);
      const checked = known.method.reply.safeParse(reply);
      if (!checked.success) throw misfit(`The reply of ${frame.method}`, checked.error);
      return { type: 'reply', id, body: reply };
    } catch (error) {
      if (!(error instanceof LatticeError)) {
        this.#options.log.error({ peer: context.peer, method: frame.method, err: error }, 'a handler failed');
      }
      return errorFrame(id, error);
    }
  }

  #callerOf(peer: PeerId): Caller {
    const known = this.#callers.get(peer);
    if (known !== undefined) return known;
    const caller = { running: new Map(), answers: new Answers(this.#options.clock, this.#options.limits) };
    this.#callers.set(peer, caller);
    return caller;
  }

  #send(peer: PeerId, frame: RpcFrame): void {
    this.#options.send(peer, encodeRpc(frame));
  }
}

function encoded(answer: AnswerFrame): Buffer {
  try {
    return encodeRpc(answer);
  } catch (error) {
    return encodeRpc(errorFrame(answer.id, error));
  }
}

export function misfit(what: string, error: z.ZodError): LatticeError {
  return new LatticeError('RPC_FAILED', `${what} does not fit: ${z.prettifyError(error).slice(0, 500)}.`);
}
