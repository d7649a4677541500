import http from 'node:http';
import https from 'node:https';
import { LatticeError, messageOf } from '../../../core/errors/index.ts';
import { basicAuthHeader } from '../../../core/identity/index.ts';
import type { Answer } from '../answers.ts';
import { withDeadline } from '../deadline.ts';
import type { StoreConfig, StoreDeps } from '../target.ts';

export interface HttpRequest {
  method: 'GET' | 'POST';
  path: string;
  parameters?: Record<string, string>;
  contentType?: string;
  headers?: Record<string, string>;
  body?: string;
}

/** Connections at once to one store; more requests wait for a free one. */
const SOCKETS_MAX = 8;
const ANSWER_BYTES_MAX = 256 * 1024 * 1024;

/** HTTP requests over connections that are kept open. Rejects with STORE_UNREACHABLE only; every answer is an Answer. */
export class HttpClient {
  readonly #config: StoreConfig;
  readonly #deps: StoreDeps;
  readonly #agent: http.Agent;
  readonly #transport: typeof http | typeof https;
  readonly #closed = new AbortController();

  constructor(config: StoreConfig, deps: StoreDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#transport = config.url.startsWith('https:') ? https : http;
    this.#agent = new this.#transport.Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  }

  async send(request: HttpRequest, signal?: AbortSignal): Promise<Answer> {
    const once = (): Promise<Answer> => this.#sendOnce(request, signal);
    try {
      return await once();
    } catch (error) {
      // The store may close an idle connection just as a request goes out on it; all requests are safe to repeat.
      if (error instanceof StaleConnectionError) return once();
      throw error;
    }
  }

  close(): void {
    this.#closed.abort();
    this.#agent.destroy();
  }

  #sendOnce(request: HttpRequest, signal: AbortSignal | undefined): Promise<Answer> {
    const { clock } = this.#deps;
    const { timeoutMs } = this.#config;
    const signals = signal === undefined ? [this.#closed.signal] : [this.#closed.signal, signal];
    if (signals.some((one) => one.aborted)) {
      return Promise.reject(new LatticeError('STORE_UNREACHABLE', 'The request was cancelled.'));
    }
    const outgoing = this.#transport.request(this.#urlOf(request), {
      method: request.method,
      agent: this.#agent,
      headers: this.#headersOf(request),
    });
    const answer = answerTo(outgoing);
    outgoing.end(request.body);
    return withDeadline(answer, { clock, timeoutMs, signals, cancel: () => outgoing.destroy() });
  }

  #urlOf(request: HttpRequest): URL {
    const base = this.#config.url.replace(/\/+$/, '');
    const url = new URL(base + request.path);
    for (const [name, value] of Object.entries(request.parameters ?? {})) url.searchParams.set(name, value);
    return url;
  }

  #headersOf(request: HttpRequest): http.OutgoingHttpHeaders {
    const { username, password } = this.#config;
    return {
      ...request.headers,
      ...(username === undefined ? {} : { authorization: basicAuthHeader(username, password ?? '') }),
      ...(request.body === undefined ? {} : { 'content-length': Buffer.byteLength(request.body) }),
      ...(request.contentType === undefined ? {} : { 'content-type': request.contentType }),
    };
  }
}

class StaleConnectionError extends LatticeError {}

function answerTo(outgoing: http.ClientRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    let isAnswered = false;
    outgoing.on('error', (cause) => {
      const isStale = outgoing.reusedSocket && !isAnswered && (cause as { code?: string }).code === 'ECONNRESET';
      const ErrorClass = isStale ? StaleConnectionError : LatticeError;
      reject(new ErrorClass('STORE_UNREACHABLE', `${messageOf(cause) || 'connection refused'}.`, { cause }));
    });
    outgoing.on('response', (response) => {
      isAnswered = true;
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > ANSWER_BYTES_MAX)
          response.destroy(new Error(`the answer is larger than ${ANSWER_BYTES_MAX} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', (cause) => {
        reject(new LatticeError('STORE_UNREACHABLE', `The answer broke off: ${messageOf(cause)}.`, { cause }));
      });
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString('utf8'),
          isFromInflux: response.headers['x-influxdb-version'] !== undefined,
        });
      });
    });
  });
}
