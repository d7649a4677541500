import { randomBytes } from 'node:crypto';
import type { z } from 'zod';
import { LatticeError } from '../../../../core/errors/index.ts';
import { basicAuthHeader } from '../../../../core/identity/index.ts';
import type { Random } from '../../../../core/random/index.ts';
import { type Clock, delay } from '../../../../core/time/index.ts';
import type { CallOptions } from '../../types.ts';
import { RequestWindow } from '../request-window.ts';
import { answerFault, type Fault, transportFault } from './faults.ts';
import { COORDINATION_PATH, REPEATED_HEADER, REQUEST_HEADER, TIMEOUT_HEADER } from './wire.ts';

const TIMEOUT_MS_DEFAULT = 5_000;
/** A gateway that has not answered for so long is left for the next, ms. */
const ATTEMPT_MS = 2_000;
/** Waits between two rounds of the gateways, ms: the first, doubled to the last; half of each is random. */
const RETRY_MS = { first: 20, last: 500 } as const;
/** Below what the state remembers of a client. */
const REQUESTS_MAX = 48;

export interface HttpTarget {
  /** Addresses of the gateways' HTTP APIs, http://host:port; the first is asked first, and another once that is silent. */
  gateways: readonly string[];
  username: string;
  password: string;
}

export interface CallerDeps {
  clock: Clock;
  random: Random;
}

export interface HttpRequest {
  method: 'GET' | 'POST' | 'DELETE';
  /** Below /v1/coordination. */
  path: string;
  query?: Record<string, string | number | undefined>;
  body?: unknown;
  /**
   * What asking again does: nothing (`read`); nothing, because the change has a name (`change`); or another change (`once`), which is
   * therefore only asked for again when it was certainly not made.
   */
  kind: 'read' | 'change' | 'once';
}

/** How long to wait before attempt `attempt` (0 is the first after a failure), ms. */
export function retryDelayMs(attempt: number, random: Random): number {
  const ceilingMs = Math.min(RETRY_MS.last, RETRY_MS.first * 2 ** Math.min(attempt, 16));
  return ceilingMs * (0.5 + random.next() / 2);
}

/** Asks several gateways as if they were one, within the deadline of a call. */
export class GatewaysCaller {
  readonly #target: HttpTarget;
  readonly deps: CallerDeps;
  readonly #closed = new AbortController();
  readonly #window = new RequestWindow(REQUESTS_MAX);
  readonly #client = `http-${randomBytes(12).toString('hex')}`;
  #sequence = 0;
  #preferred = 0;

  constructor(target: HttpTarget, deps: CallerDeps) {
    this.#target = target;
    this.deps = deps;
  }

  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** Gives up what is under way. */
  close(): void {
    this.#closed.abort();
  }

  /** Rejects as the port says. */
  async call<T>(request: HttpRequest, schema: z.ZodType<T>, options: CallOptions = {}): Promise<T> {
    const what = `${request.method} ${request.path}`;
    if (this.closed.aborted) throw closedError(what);
    if (options.signal?.aborted) {
      throw new LatticeError('COORDINATION_UNAVAILABLE', `${what} was given up before it was asked for.`);
    }
    if (request.kind !== 'change') return this.#attempts(request, schema, options, {});
    await this.#window.room(() => this.#sequence + 1);
    const sequence = ++this.#sequence;
    this.#window.begin(sequence);
    try {
      return await this.#attempts(request, schema, options, { [REQUEST_HEADER]: `${this.#client}/${sequence}` });
    } finally {
      this.#window.end(sequence);
    }
  }

  /** The answer of the gateway that is asked first, for reading it as it comes. Rejects as the port says. */
  async open(path: string, query: HttpRequest['query'], signal: AbortSignal): Promise<Response> {
    const base = this.#base();
    try {
      const response = await this.#fetch(
        base,
        { method: 'GET', path, kind: 'read', ...(query && { query }) },
        {},
        signal,
      );
      if (!response.ok) throw answerFault(response.status, await response.text(), base);
      return response;
    } catch (cause) {
      const fault = asFault(cause, base);
      if (fault.outcome !== 'refused') this.#leave(base);
      throw fault.error;
    }
  }

  /** The next gateway is asked first from now on. */
  leave(): void {
    this.#preferred = (this.#preferred + 1) % this.#target.gateways.length;
  }

  async #attempts<T>(
    request: HttpRequest,
    schema: z.ZodType<T>,
    { timeoutMs = TIMEOUT_MS_DEFAULT, signal }: CallOptions,
    headers: Record<string, string>,
  ): Promise<T> {
    const { clock, random } = this.deps;
    const what = `${request.method} ${request.path}`;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    const givenUp = AbortSignal.any([this.closed, ...(signal === undefined ? [] : [signal])]);
    let mayBeDone = false;
    for (let attempt = 0; ; attempt++) {
      const base = this.#base();
      const leftMs = Math.max(1, deadlineMs - clock.monotonicMs());
      const late = new AbortController();
      const timer = clock.setTimer(Math.min(leftMs, ATTEMPT_MS), () => late.abort());
      let fault: Fault;
      try {
        const response = await this.#fetch(
          base,
          request,
          {
            ...headers,
            [TIMEOUT_HEADER]: String(Math.ceil(leftMs)),
            ...(mayBeDone ? { [REPEATED_HEADER]: 'true' } : {}),
          },
          AbortSignal.any([late.signal, givenUp]),
        );
        const text = await response.text();
        if (!response.ok) throw answerFault(response.status, text, base);
        const answer = schema.safeParse(text === '' ? undefined : JSON.parse(text));
        if (answer.success) return answer.data;
        throw answerFault(response.status, '', base);
      } catch (cause) {
        fault = asFault(cause, base);
      } finally {
        timer.cancel();
      }
      mayBeDone ||= fault.outcome === 'unknown' && request.kind !== 'read';
      if (givenUp.aborted)
        throw new LatticeError('COORDINATION_TIMEOUT', `${what} was given up while it was under way.`);
      if (fault.outcome === 'refused') throw fault.error;
      if (fault.outcome === 'unknown' && request.kind === 'once') throw unknownError(what, fault);
      this.#leave(base);
      const round = Math.floor(attempt / this.#target.gateways.length);
      const waitMs = (attempt + 1) % this.#target.gateways.length === 0 ? retryDelayMs(round, random) : 0;
      if (clock.monotonicMs() + waitMs >= deadlineMs) {
        throw mayBeDone || fault.outcome === 'unknown' ? unknownError(what, fault) : fault.error;
      }
      if (waitMs > 0) await delay(clock, waitMs, givenUp);
    }
  }

  #base(): string {
    return this.#target.gateways[this.#preferred] as string;
  }

  /** Of calls under way to one gateway that fails, the first moves on. */
  #leave(base: string): void {
    if (this.#base() === base) this.leave();
  }

  #fetch(
    base: string,
    { method, path, query = {}, body }: HttpRequest,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response> {
    const url = new URL(`${COORDINATION_PATH}/${path}`, base);
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value));
    const { username, password } = this.#target;
    return fetch(url, {
      method,
      signal,
      headers: {
        authorization: basicAuthHeader(username, password),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

export function closedError(what: string): LatticeError {
  return new LatticeError('COORDINATION_UNAVAILABLE', `${what}: the client is closed.`);
}

function asFault(cause: unknown, base: string): Fault {
  return isFault(cause) ? cause : transportFault(cause, base);
}

function isFault(value: unknown): value is Fault {
  return typeof value === 'object' && value !== null && 'outcome' in value;
}

function unknownError(what: string, { error }: Fault): LatticeError {
  if (error.code === 'COORDINATION_TIMEOUT') return error;
  return new LatticeError('COORDINATION_TIMEOUT', `${what}: ${error.message}`, { cause: error });
}
