import type { z } from 'zod';
import { backoffMs } from '../../../core/device-link/index.ts';
import { ERROR_CODES, type ErrorCode, LatticeError } from '../../../core/errors/index.ts';
import type { Random } from '../../../core/random/index.ts';
import type { Clock, Timer } from '../../../core/time/index.ts';
import type { PeerId } from '../types.ts';
import type { RpcCounters } from './counters.ts';
import type { RpcLimits } from './limits.ts';
import type { Method } from './method.ts';
import { misfit } from './server.ts';
import { type AnswerFrame, encodeRpc, FINISHED_MAX, type RpcFrame } from './wire.ts';

export interface CallOptions {
  /** From now on; at most RpcLimits.answerAgeMsMax. */
  deadlineMs: number;
  /** Gives up, and has the handler told so; the call rejects with the signal's reason. */
  signal?: AbortSignal;
  /**
   * Of what is asked, to ask again after RPC_TIMEOUT: the peer carries out requests with the same id once, until its answer
   * has come. Its own for each call when left out. At most 128 characters.
   */
  requestId?: string;
}

export interface RpcClientOptions {
  clock: Clock;
  random: Random;
  limits: RpcLimits;
  counters: RpcCounters;
  /** False when the frame was dropped. */
  send: (peer: PeerId, bytes: Buffer) => boolean;
}

interface Call {
  id: string;
  method: Method;
  body: unknown;
  deadlineAtMs: number;
  wasSent: boolean;
  attempts: number;
  /** What the peer said last, if that was that it is busy. */
  busy: string | undefined;
  retry: Timer | undefined;
  resolve: (reply: unknown) => void;
  reject: (error: unknown) => void;
}

interface Callee {
  calls: Map<string, Call>;
  /** Requests whose answers have come and of which the peer was not told yet. */
  finished: string[];
}

/** Asks peers. A request is sent again, with the same id, until its answer comes or its deadline is over. */
export class RpcClient {
  readonly #options: RpcClientOptions;
  readonly #callees = new Map<PeerId, Callee>();
  /** Of this life of the process, so that ids of an earlier one are never taken for ours. */
  readonly #life: string;
  #lastId = 0;

  constructor(options: RpcClientOptions) {
    this.#options = options;
    const part = (): string => options.random.below(2 ** 32).toString(36);
    this.#life = `${part()}${part()}`;
  }

  async call<Request extends z.ZodType, Reply extends z.ZodType>(
    peer: PeerId,
    method: Method<Request, Reply>,
    request: z.input<Request>,
    { deadlineMs, signal, requestId }: CallOptions,
  ): Promise<z.output<Reply>> {
    const { counters, clock, limits } = this.#options;
    counters.calls += 1;
    signal?.throwIfAborted();
    const callee = this.#calleeOf(peer);
    const id = requestId ?? `${this.#life}-${++this.#lastId}`;
    try {
      const checked = method.request.safeParse(request);
      if (!checked.success) throw misfit(`The request to ${method.name}`, checked.error);
      if (callee.calls.has(id)) throw new LatticeError('RPC_FAILED', `A request with the id ${id} is under way.`);
      if (callee.calls.size >= limits.callsPerPeerMax) {
        throw new LatticeError('RPC_FAILED', `${limits.callsPerPeerMax} calls to ${peer} wait for their answers.`);
      }
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const boundedMs = Math.min(deadlineMs, limits.answerAgeMsMax);
      const call: Call = {
        id,
        method,
        body: request,
        deadlineAtMs: clock.monotonicMs() + boundedMs,
        wasSent: false,
        attempts: 0,
        busy: undefined,
        retry: undefined,
        resolve,
        reject,
      };
      callee.calls.set(id, call);
      const giveUp = (error: unknown): void => {
        if (call.wasSent) this.#options.send(peer, encodeRpc({ type: 'cancel', id }));
        reject(error);
      };
      const onAbort = (): void => giveUp(signal?.reason);
      signal?.addEventListener('abort', onAbort, { once: true });
      const deadline = clock.setTimer(boundedMs, () => giveUp(overdue(peer, call, boundedMs)));
      try {
        this.#attempt(peer, callee, call);
        const reply = method.reply.safeParse(await promise);
        if (!reply.success) throw misfit(`The reply of ${method.name}`, reply.error);
        return reply.data;
      } finally {
        deadline.cancel();
        call.retry?.cancel();
        signal?.removeEventListener('abort', onAbort);
        callee.calls.delete(id);
      }
    } catch (error) {
      counters.callsFailed += 1;
      throw error;
    }
  }

  onAnswer(peer: PeerId, frame: AnswerFrame): void {
    const callee = this.#callees.get(peer);
    const call = callee?.calls.get(frame.id);
    if (callee === undefined || call === undefined) {
      this.#options.counters.answersUnexpected += 1;
      return;
    }
    // When there are more, the peer forgets those that it is not told of by their age.
    if (callee.finished.length < 4 * FINISHED_MAX) callee.finished.push(frame.id);
    if (frame.type === 'reply') call.resolve(frame.body);
    else call.reject(errorOf(frame.code, frame.message));
  }

  onBusy(peer: PeerId, { id, message }: Extract<RpcFrame, { type: 'busy' }>): void {
    const call = this.#callees.get(peer)?.calls.get(id);
    if (call !== undefined) call.busy = message;
  }

  /** What was sent may have been lost with the connection before, and is sent again. */
  onPeerUp(peer: PeerId): void {
    const callee = this.#callees.get(peer);
    for (const call of callee?.calls.values() ?? []) {
      call.retry?.cancel();
      this.#attempt(peer, callee as Callee, call);
    }
  }

  stop(): void {
    for (const { calls } of this.#callees.values()) {
      for (const call of calls.values()) call.reject(new LatticeError('RPC_UNREACHABLE', 'The RPC has been stopped.'));
    }
  }

  #attempt(peer: PeerId, callee: Callee, call: Call): void {
    const { clock, random, limits, counters } = this.#options;
    const { id, body } = call;
    // A whole number, and no ids when it is sent again, so that what fitted once always fits.
    const remainingMs = Math.ceil(Math.max(0, call.deadlineAtMs - clock.monotonicMs()));
    const finished = call.attempts === 0 ? callee.finished.slice(0, FINISHED_MAX) : [];
    const bytes = encodeRpc({ type: 'request', id, method: call.method.name, remainingMs, finished, body });
    const isSent = this.#options.send(peer, bytes);
    if (isSent) {
      callee.finished.splice(0, finished.length);
      if (call.wasSent) counters.requestsResent += 1;
      call.wasSent = true;
      call.busy = undefined;
    }
    const waitMs = backoffMs(call.attempts++, random, limits.backoff);
    call.retry = clock.setTimer(waitMs, () => this.#attempt(peer, callee, call));
  }

  #calleeOf(peer: PeerId): Callee {
    const known = this.#callees.get(peer);
    if (known !== undefined) return known;
    const callee = { calls: new Map(), finished: [] };
    this.#callees.set(peer, callee);
    return callee;
  }
}

function overdue(peer: PeerId, { method, wasSent, busy }: Call, deadlineMs: number): LatticeError {
  const what = `${method.name} of ${peer} within ${deadlineMs} ms`;
  if (!wasSent) return new LatticeError('RPC_UNREACHABLE', `No connection for ${what}.`);
  if (busy !== undefined) return new LatticeError('RPC_FAILED', `No room for ${what}: ${busy}`);
  return new LatticeError('RPC_TIMEOUT', `No answer to ${what}.`);
}

function errorOf(code: string, message: string): LatticeError {
  return new LatticeError(Object.hasOwn(ERROR_CODES, code) ? (code as ErrorCode) : 'RPC_FAILED', message);
}
